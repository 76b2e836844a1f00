"""Multi-label classifiers: skorch nets behind scikit-learn's conventions."""

from skcxr._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AttentionCNN": "cnn",
        "DeeperMLP": "mlp",
        "MultilabelMLP": "mlp",
        "MultilabelNet": "net",
    },
)
