"""From images to rows of features: texture, and a network's embedding."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BACKBONES": "_published",
        "CHEST_WEIGHTS": "_published",
        "CNNEmbedder": "embedder",
        "FineTuning": "fine_tuning",
        "LBPHOGExtractor": "texture",
        "ResNetEmbedder": "embedder",
        "TokenMaps": "token_maps",
        "build_backbone": "backbones",
        "convert_checkpoint": "conversion",
        "convert_torchxrayvision": "conversion",
    },
)
