"""FineTuning: how a network is trained on films, as settings that a search can reach."""

from numbers import Integral, Real

from sklearn.base import BaseEstimator

from .._base import _DocLinkMixin
from .._sklearn import Interval, StrOptions

_SHARE = [Interval(Real, 0, 1, closed="left")]
_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]
_COUNT = [Interval(Integral, 1, None, closed="left")]

_CHANGES = ("mixup", "rotation", "shift", "zoom", "contrast", "gamma", "noise")
_STILL = {
    **dict.fromkeys(_CHANGES, 0.0),
    "flip": False,
    "guidance": 0.0,
}

#: What `FineTuning.from_recipe` knows: name -> what it is, and settings besides the defaults.
RECIPES = {
    "report": (
        "Das 2025: the last stage, Adam at 1e-4, 5 passes over films as they are",
        {
            **_STILL,
            "train": "layer4",
            "epochs": 5,
            "lr": 1e-4,
            "lr_decay": 1.0,
            "schedule": "constant",
            "warm_up": 0.0,
            "weight_decay": 0.0,
            "ema": 0.0,
        },
    ),
    "norm": (
        "scale and shift of every batch norm, for very few films",
        {"train": "norm", "lr": 2e-3},
    ),
    "small": ("all weights, for hundreds to a few thousand films", {}),
}


class FineTuning(_DocLinkMixin, BaseEstimator):
    """Settings of a network's training on few films.

    The linear head starts at the logistic regression on the untuned network [1]_; then head and
    network are trained together with AdamW. Batch norms keep their statistics: those of small
    batches would only add noise [2]_. The learning rate rises, falls along half a cosine, and is
    lower towards the input; the result are the weights averaged over the last steps. Where they
    began as weights that ship with a package, what changed is rounded to some six bits, with errors
    of a thirtieth of the change, so that a saved network is a fifth as large.

    Parameters
    ----------
    train : str, default="all"
        ``"all"`` weights; ``"norm"``, scale and shift of every batch norm [2]_; or the first stage
        that is trained (``"layer4"``), the stages before it staying frozen.
    epochs : int, default=8
        Passes over the films.
    lr : float, default=5e-4
        Largest learning rate, of the head and of the last block.
    lr_decay : float, default=0.8
        Factor of the learning rate for every four blocks towards the input.
    schedule : {"cosine", "constant"}, default="cosine"
        Whether the rate falls to 0.
    warm_up : float, default=0.1
        Share of the steps in which the rate rises from 0.
    weight_decay : float, default=0.01
        AdamW's, on convolutions; norms, biases and the head have none.
    ema : float, default=0.99
        Decay, per step, of the running average of the weights; 0 takes the last weights.
    batch_size : int, default=32
        Films per step.
    micro_batch : int or None, default=None
        Films whose gradients are computed at a time and added up, for small memories: None is 8 on
        a CPU and the whole batch elsewhere. On a CPU each core takes such a part, and the numbers
        do not depend on how many cores there are.
    mixup : float, default=0.2
        Films are mixed in pairs, by a share from Beta(mixup, mixup); 0 mixes none.
    mix : {"mixup", "cutmix"}, default="mixup"
        Whether pairs are blended, or a rectangle of the one is pasted into the other.
    rotation : float, default=10
        Films are turned by up to so many degrees.
    shift : float, default=0.05
        Films are moved by up to this share of their sides.
    zoom : float, default=0.15
        Films are scaled by between 1 / (1 + zoom) and 1 + zoom.
    contrast : float, default=0.2
        The contrast is changed by a factor of 1 ± contrast, the brightness by ± contrast / 2 of the
        range.
    gamma : float, default=0.25
        Grey levels are raised to between exp(-gamma) and exp(gamma).
    noise : float, default=0
        Gaussian noise of a standard deviation up to this many grey levels is added.
    flip : bool, default=True
        Whether half of the films are mirrored in training, and the maps of a film averaged with
        those of its mirror image afterwards. It moves the heart to the other side.
    guidance : float, default=0.3
        Weight of a term of the loss that keeps the evidence of a label where it can be [3]_: the
        share of the positive evidence outside `regions`, as lung masks show them. Films without a
        plausible mask are not guided; 0 needs no masks.
    regions : {"chest", "labels"} or dict of {str: sequence of str}, default="chest"
        Where that is: the whole chest, and the heart for its own findings; the zones of each label
        in ``skcxr.segmentation.LABEL_ZONES`` and both lungs for a label without any; or zones of
        your own for each label.
    dilate : float, default=0.05
        Radius by which these regions are dilated, as a share of the film's height.

    References
    ----------
    .. [1] A. Kumar et al. "Fine-tuning can distort pretrained features and underperform
       out-of-distribution". ICLR, 2022.
    .. [2] F. Kanavati, M. Tsuneki. "Partial transfusion: on the expressive influence of trainable
       batch norm parameters for transfer learning". MIDL, 2021.

    .. [3] A. S. Ross et al. "Right for the right reasons: Training differentiable models by
       constraining their explanations". IJCAI, 2017.

    Examples
    --------
    >>> from skcxr.features import FineTuning
    >>> FineTuning.from_recipe("norm").lr
    0.002
    >>> FineTuning("layer4", epochs=4).changes_films
    True
    """

    _parameter_constraints = {
        "train": [str],
        "epochs": _COUNT,
        "lr": _POSITIVE,
        "lr_decay": [Interval(Real, 0, 1, closed="right")],
        "schedule": [StrOptions({"cosine", "constant"})],
        "warm_up": _SHARE,
        "weight_decay": _NOT_NEGATIVE,
        "ema": _SHARE,
        "batch_size": _COUNT,
        "micro_batch": [*_COUNT, None],
        "mixup": _NOT_NEGATIVE,
        "mix": [StrOptions({"mixup", "cutmix"})],
        "rotation": _NOT_NEGATIVE,
        "shift": _SHARE,
        "zoom": _NOT_NEGATIVE,
        "contrast": _SHARE,
        "gamma": _NOT_NEGATIVE,
        "noise": _NOT_NEGATIVE,
        "flip": ["boolean"],
        "guidance": _NOT_NEGATIVE,
        "regions": [StrOptions({"chest", "labels"}), dict],
        "dilate": _SHARE,
    }

    def __init__(
        self,
        train="all",
        *,
        epochs=8,
        lr=5e-4,
        lr_decay=0.8,
        schedule="cosine",
        warm_up=0.1,
        weight_decay=0.01,
        ema=0.99,
        batch_size=32,
        micro_batch=None,
        mixup=0.2,
        mix="mixup",
        rotation=10.0,
        shift=0.05,
        zoom=0.15,
        contrast=0.2,
        gamma=0.25,
        noise=0.0,
        flip=True,
        guidance=0.3,
        regions="chest",
        dilate=0.05,
    ):
        self.train = train
        self.epochs = epochs
        self.lr = lr
        self.lr_decay = lr_decay
        self.schedule = schedule
        self.warm_up = warm_up
        self.weight_decay = weight_decay
        self.ema = ema
        self.batch_size = batch_size
        self.micro_batch = micro_batch
        self.mixup = mixup
        self.mix = mix
        self.rotation = rotation
        self.shift = shift
        self.zoom = zoom
        self.contrast = contrast
        self.gamma = gamma
        self.noise = noise
        self.flip = flip
        self.guidance = guidance
        self.regions = regions
        self.dilate = dilate

    @classmethod
    def from_recipe(cls, name, **changes):
        """Settings by name.

        Parameters
        ----------
        name : str
            ``"report"``: the last stage as Das 2025 tunes it, Adam at 1e-4, 5 passes over films as
            they are. ``"norm"``: batch norms only. ``"small"`` or ``"all"``: the defaults. The name
            of a stage, such as ``"layer3"``: as the report, from that stage on.
        **changes : dict
            Parameters that differ.

        Returns
        -------
        FineTuning
        """
        name = "small" if name == "all" else name
        if name in RECIPES:
            return cls(**{**RECIPES[name][1], **changes})
        return cls(**{**RECIPES["report"][1], "train": name, **changes})

    @property
    def changes_films(self):
        """Whether the training changes the films, so that nothing of the network can be kept."""
        return self.flip or any(getattr(self, name) > 0 for name in _CHANGES)


def plain_params(settings):
    """Parameters of settings as plain numbers, so that 10, 10.0 and a NumPy scalar are one key.

    Without `regions`: what they are on the films is in the key of a fit.
    """
    kinds = {name: type(value) for name, value in FineTuning().get_params().items()}
    return {
        name: kinds[name](value) if kinds.get(name) in (int, float) else value
        for name, value in settings.get_params().items()
        if name != "regions"
    }


def resolve_fine_tuning(fine_tune, stages, **changes):
    """Checked settings of ``fine_tune=``, or None for a frozen network.

    Parameters
    ----------
    fine_tune : None, str or FineTuning
        A recipe, a stage, or settings.
    stages : sequence of str
        Names that the network knows.
    **changes : dict
        Parameters that differ; those that are None do not.

    Returns
    -------
    FineTuning or None

    Raises
    ------
    ValueError
        Naming what there is.
    """
    if fine_tune is None:
        return None
    changes = {name: value for name, value in changes.items() if value is not None}
    if isinstance(fine_tune, str):
        settings = FineTuning.from_recipe(fine_tune, **changes)
    else:
        settings = type(fine_tune)(**{**fine_tune.get_params(), **changes})
    if settings.train not in ("all", "norm", *stages):
        raise ValueError(
            f"fine_tune={settings.train!r} is no recipe ({', '.join(RECIPES)}), no mode (all, "
            f"norm) and no stage of the network; its stages are {', '.join(stages)}."
        )
    settings._validate_params()
    return settings
