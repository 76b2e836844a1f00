"""From images to rows of features: texture, and a network's embedding."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "BACKBONES": "_published",
        "CHEST_WEIGHTS": "_published",
        "CNNEmbedder": "embedder",
        "LBPHOGExtractor": "texture",
        "ResNetEmbedder": "embedder",
        "TokenMaps": "token_maps",
        "build_backbone": "backbones",
        "convert_torchxrayvision": "chest_weights",
    },
)
