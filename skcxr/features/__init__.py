"""From images to rows of features: texture, and a network's embedding."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BACKBONES": "backbones",
        "LBPHOGExtractor": "texture",
        "ResNetEmbedder": "embedder",
        "build_backbone": "backbones",
    },
)
