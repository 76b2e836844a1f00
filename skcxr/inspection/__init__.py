"""Figures in scikit-learn's manner, and a report in one HTML file."""

from skcxr._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AttentionDisplay": "attention",
        "LabelAUCDisplay": "label_auc",
        "LabelDistributionDisplay": "label_distribution",
        "ModelComparisonDisplay": "model_comparison",
        "SegmentationDisplay": "segmentation",
        "write_html_report": "html",
    },
)
