"""Splits by patient, thresholds per label and calibration for multi-label problems."""

from skcxr._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "MultilabelCalibrator": "calibration",
        "MultilabelGroupShuffleSplit": "splitters",
        "MultilabelStratifiedGroupKFold": "splitters",
        "MultilabelThresholdTuner": "thresholds",
        "train_test_split_by_patient": "splitters",
    },
)
