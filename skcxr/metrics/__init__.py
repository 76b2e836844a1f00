"""Multi-label, segmentation and localisation metrics, each with its interval or its control."""

from skcxr._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "REPORT_TABLE_1": "comparison",
        "LocalizationReport": "_localization_report",
        "ModelComparison": "_model_comparison",
        "MultilabelReport": "_multilabel_report",
        "PairedLabelTests": "paired_labels",
        "PairedTest": "paired",
        "SegmentationReport": "segmentation",
        "StratifiedAUC": "strata",
        "SubgroupAUC": "subgroups",
        "auc_by": "subgroups",
        "auc_within": "strata",
        "compare_models": "comparison",
        "dice_score": "segmentation",
        "expected_calibration_error": "calibration",
        "get_scorer": "scorers",
        "get_scorer_names": "scorers",
        "localization_report": "localization",
        "make_localization_scorer": "localization_scorer",
        "maps_to_boxes": "_boxes",
        "multilabel_report": "multilabel",
        "multilabel_scores": "multilabel",
        "paired_bootstrap_test": "paired",
        "paired_label_tests": "paired_labels",
        "segmentation_report": "segmentation",
    },
)
