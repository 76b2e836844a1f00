"""Multi-label chest X-ray classification with scikit-learn.

Texture, a network's embedding, lung masks and Grad-CAM in one
:class:`~sklearn.pipeline.Pipeline`; ``make_hybrid_pipeline`` makes it.
"""

from ._lazy import attach
from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AttentionCNN": "classifiers",
        "CHESTXRAY14_LABELS": "datasets",
        "DeeperMLP": "classifiers",
        "GradCAMFuser": "attention",
        "HistEqualizer": "preprocessing",
        "ImageLoader": "preprocessing",
        "LBPHOGExtractor": "features",
        "MultilabelMLP": "classifiers",
        "ResNetEmbedder": "features",
        "UNetMasker": "segmentation",
        "auc_within": "metrics",
        "cache_info": "memory",
        "clear_cache": "memory",
        "compare_models": "metrics",
        "curate_subset": "datasets",
        "get_scorer": "metrics",
        "load_chestxray14": "datasets",
        "make_chest_phantoms": "datasets",
        "make_hybrid_pipeline": "pipeline",
        "make_report_models": "pipeline",
        "multilabel_report": "metrics",
        "paired_bootstrap_test": "metrics",
        "set_cache_limit": "memory",
        "summarize_labels": "datasets",
        "train_test_split_by_patient": "model_selection",
        "transform_in_chunks": "chunked",
        "warm_cache": "pipeline",
    },
)
