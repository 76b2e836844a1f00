"""Splits by patient, thresholds, calibration and out-of-fold predictions for many labels."""

from skcxr._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "MultilabelAverager": "averaging",
        "MultilabelCalibrator": "calibration",
        "MultilabelGroupShuffleSplit": "splitters",
        "MultilabelStratifiedGroupKFold": "splitters",
        "MultilabelThresholdTuner": "thresholds",
        "OutOfFoldPredictions": "_predictions",
        "out_of_fold_predict": "out_of_fold",
        "predict_frame": "prediction_frame",
        "read_predictions": "prediction_files",
        "train_test_split_by_patient": "splitters",
        "write_predictions": "prediction_files",
    },
)
