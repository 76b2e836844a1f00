"""Figures in scikit-learn's manner, and a report in one HTML file."""

from skcxr._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AttentionDisplay": "attention",
        "Checks": "checks",
        "Evaluation": "evaluation",
        "Explanation": "explanation",
        "GridDisplay": "grid",
        "HistoryDisplay": "history",
        "LabelAUCDisplay": "label_auc",
        "LabelDistributionDisplay": "label_distribution",
        "LocalizationDisplay": "localization",
        "ModelComparisonDisplay": "model_comparison",
        "MultilabelConfusionDisplay": "confusion",
        "MultilabelPrecisionRecallDisplay": "precision_recall",
        "MultilabelRocDisplay": "roc",
        "ReliabilityDisplay": "reliability",
        "SegmentationDisplay": "segmentation",
        "evaluate": "evaluation",
        "explain": "explanation",
        "write_html_report": "html",
    },
)
