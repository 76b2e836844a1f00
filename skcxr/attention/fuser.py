"""GradCAMFuser: feature maps pooled by the fusion of Grad-CAM and lung mask."""

from numbers import Real

import numpy as np
from sklearn.base import clone
from sklearn.utils import Bunch, ClassifierTags
from sklearn.utils.validation import check_is_fitted

from .._base import _BaseImageTransformer
from .._callbacks import CallbackSupportMixin
from .._sklearn import HasMethods, Interval, StrOptions, _fit_context
from ..features import CNNEmbedder
from ..segmentation import LABEL_ZONES, UNetMasker
from ._chest import iter_regions, lungs_everywhere
from .gradcam import label_positions, linear_grad_cam, normalise
from .postprocess import mirror_contrast, resize_maps

_NOT_POOLED = (
    'output="pooled" averages the feature maps of one network, and several are cross-fitted; use '
    'output="evidence", or an embedder with cross_fit=None.'
)


class GradCAMFuser(CallbackSupportMixin, _BaseImageTransformer):
    r"""Pool a network's feature maps where Grad-CAM and the lung mask say to look.

    Owns the network and the masker, so that each image goes through them once. The fused map
    is

    .. math::  F = \lambda\, U + (1 - \lambda)\, G

    (eq. 3 of Das 2025), with the soft lung mask U and the Grad-CAM maps G, each divided by its
    maximum and then averaged over the labels. The features are
    :math:`\sum_{ij} F_{ij} A^k_{ij} / \sum_{ij} F_{ij}`, one for each feature map
    :math:`A^k`. Both sums are linear in F, so a new λ needs no new pass through a network. Where F
    is zero everywhere, the maps are averaged evenly.

    Where the embedder was cross-fitted (see its ``cross_fit``), what is pooled is not the maps but
    the evidence :math:`E^c = \sum_k w_{ck} A^k + b_c` of each label, which means the same in every
    one of its networks: the mean of :math:`E^c` over the places is the label's logit, and its mean
    weighted by F the logit of what was attended to.

    Parameters
    ----------
    embedder : CNNEmbedder or None, default=None
        The network; None is ``CNNEmbedder()``.
    masker : UNetMasker or None, default=None
        With ``weights`` that are there, or fitted and wrapped in
        :class:`~sklearn.frozen.FrozenEstimator`; None is ``UNetMasker()`` with its own weights. It
        is not used as long as λ gives it no weight. One of your own has ``fit`` and
        ``iter_masks(images, shape, batch_size=…)``, which yields slices, soft masks of that shape
        and which of them are plausible.
    lam : float, default=0.5
        λ in [0, 1]. Like ``lam_on``, ``reduce``, ``contrast``, ``regions``, ``output`` and
        ``passthrough`` it may change after fit, and gives what a fit with it gives.
    lam_on : {"unet", "cam"}, default="unet"
        What λ multiplies; ``"cam"`` is eq. 4 of Das 2025, where the roles are swapped.
    reduce : {"mean", "max"}, default="mean"
        How the labels' Grad-CAM maps become one.
    contrast : {"none", "mirror"}, default="none"
        What G is: Grad-CAM, or what it exceeds Grad-CAM of the place mirrored about the film's
        middle by (:func:`~skcxr.attention.mirror_contrast`).
    regions : {"lungs", "labels"} or dict, default="lungs"
        What U is: the soft lung mask for all labels, as in Das 2025, or for each label its region
        of the chest, as :func:`~skcxr.segmentation.label_regions` makes it of the mask, softened
        towards its border. A dict names the zones of labels.
    output : {"auto", "pooled", "evidence", "maps"}, default="auto"
        ``"pooled"`` maps, or the ``"evidence"`` of each label pooled: ``"auto"`` pools evidence
        where the embedder was cross-fitted, else maps. ``"maps"`` gives the fused map of each label
        itself, flattened, for :class:`~skcxr.classifiers.AttentionCNN`.
    passthrough : bool, default=False
        Whether to append what is evenly pooled: the embedding, or the logits.
    image_shape : (int, int) or None, default=None
        Height and width of images that come as flat rows; one of them may be -1.

    Attributes
    ----------
    embedder_ : CNNEmbedder
        The fitted network.
    masker_ : UNetMasker or None
        The masker, None as long as λ has given it no weight.
    label_names_ : ndarray of str
    map_shape_ : tuple of 3 int
        Labels, height and width of the fused maps; what ``AttentionCNN(map_shape=...)`` needs.
    n_features_in_ : int
        Number of pixels of an image.

    Warns
    -----
    UserWarning
        Once per call, naming the first images whose mask is implausible; they are pooled as if the
        lungs filled the image.

    References
    ----------
    .. [1] O. Ronneberger et al. "U-Net: Convolutional networks for biomedical image
       segmentation". MICCAI, 2015.
    .. [2] R. R. Selvaraju et al. "Grad-CAM: Visual explanations from deep networks via
       gradient-based localization". ICCV, 2017.

    Examples
    --------
    >>> from skcxr.attention import GradCAMFuser
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.features import CNNEmbedder
    >>> images = make_chest_phantoms(4, size=64, random_state=0).images
    >>> fuser = GradCAMFuser(CNNEmbedder(weights=None, random_state=0))
    >>> fuser.fit_transform(images, [[0, 1], [1, 0], [0, 0], [1, 1]]).shape
    (4, 512)
    """

    __metadata_request__fit = {"groups": True}  # patients, where metadata are routed
    _parameter_constraints = {
        "embedder": [HasMethods(["fit_rows", "rows"]), None],
        "masker": [HasMethods(["fit", "iter_masks"]), None],
        "lam": [Interval(Real, 0, 1, closed="both")],
        "lam_on": [StrOptions({"unet", "cam"})],
        "reduce": [StrOptions({"mean", "max"})],
        "contrast": [StrOptions({"none", "mirror"})],
        "regions": [StrOptions({"lungs", "labels"}), dict],
        "output": [StrOptions({"auto", "pooled", "evidence", "maps"})],
        "passthrough": ["boolean"],
        "image_shape": [tuple, list, None],
    }

    def __init__(
        self,
        embedder=None,
        masker=None,
        *,
        lam=0.5,
        lam_on="unet",
        reduce="mean",
        contrast="none",
        regions="lungs",
        output="auto",
        passthrough=False,
        image_shape=None,
    ):
        self.embedder = embedder
        self.masker = masker
        self.lam = lam
        self.lam_on = lam_on
        self.reduce = reduce
        self.contrast = contrast
        self.regions = regions
        self.output = output
        self.passthrough = passthrough
        self.image_shape = image_shape

    def fit(self, X, y, groups=None):
        """Fit the network's head, and fine-tune it if it says so; the masker is not trained.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.
        y : array-like or DataFrame of shape (n, n_labels)
            0, 1 or NaN for unknown.
        groups : array-like of shape (n,), default=None
            Patient of each image, for an embedder that is cross-fitted.

        Returns
        -------
        self : GradCAMFuser
        """
        self._fit(X, y, groups)
        return self

    def fit_transform(self, X, y, groups=None):
        """Fit, and pool the same images with no second pass through the network.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of one size.
        y : array-like or DataFrame of shape (n, n_labels)
            0, 1 or NaN for unknown.
        groups : array-like of shape (n,), default=None
            Patient of each image, for an embedder that is cross-fitted.

        Returns
        -------
        ndarray of shape (n, n_features), float32
        """
        images, rows = self._fit(X, y, groups)
        return self._contain(self._features(images, rows), images)

    def transform(self, X):
        """Pool images.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of the size that fit saw.

        Returns
        -------
        ndarray of shape (n, n_features), float32
        """
        check_is_fitted(self, "embedder_")
        images = self._validate_images(X, reset=False)
        return self._contain(self._features(images, self._rows(images)), images)

    @_fit_context(prefer_skip_nested_validation=False)
    def _fit(self, X, y, groups=None):
        given = {"estimator": self, "X": X, "y": y}
        context = self._init_callback_context(max_subtasks=1)
        context.call_on_fit_task_begin(**given)
        images = self._validate_images(X, reset=True)
        if y is None:
            raise ValueError(
                "GradCAMFuser requires y to be passed, but the target y is None: Grad-CAM needs "
                "labels. For features without labels use CNNEmbedder."
            )
        self.masker_ = None
        self._hold_masker(images)
        self.embedder_ = CNNEmbedder() if self.embedder is None else clone(self.embedder)
        if self.masker is not None and getattr(self.embedder_, "masker", self) is None:
            self.embedder_.masker = self.masker  # the same masks guide its training
        task = context.subcontext(task_name="fit-embedder")
        with task.propagate_callback_context(self.embedder_):
            task.call_on_fit_task_begin(**given)
            rows = self._fit_rows(images, y, groups)
            task.call_on_fit_task_end(**given)
        self.label_names_ = self.embedder_.label_names_
        self.map_shape_ = (len(self.label_names_), *rows.read([0]).shape[-2:])
        context.call_on_fit_task_end(**given, reconstruction_attributes={})
        return images, rows

    def _fit_rows(self, images, y, groups):
        given = {} if groups is None else {"groups": groups}
        crosses = getattr(self.embedder_, "fine_tune", None) is not None and (
            getattr(self.embedder_, "cross_fit", None) is not None
        )
        if crosses and self.output == "pooled":  # before anything is trained
            raise ValueError(_NOT_POOLED)
        if crosses or self.output == "evidence":
            return self.embedder_.fit_activation_rows(images, y, **given)
        return self.embedder_.fit_rows(images, y, **given)

    def _rows(self, images):
        """What is pooled: maps (m, C, h, w), or activations and intercepts (m, 2, k, h, w)."""
        if self._rows_are_evidence:
            return self.embedder_.activation_rows(images)
        return self.embedder_.rows(images)

    @property
    def _rows_are_evidence(self):
        several = len(getattr(self.embedder_, "head_coefs_", [0])) > 1
        if self.output == "pooled" and several:
            raise ValueError(_NOT_POOLED)
        return several or self.output == "evidence"

    @property
    def _mask_weight(self):
        return self.lam if self.lam_on == "unet" else 1 - self.lam

    def _hold_masker(self, images):
        """Get the masker ready once λ, which may change after fit, gives it weight."""
        if self._mask_weight > 0 and self.masker_ is None:
            masker = UNetMasker() if self.masker is None else clone(self.masker)
            self.masker_ = masker.fit(images, None)  # FrozenEstimator insists on a y

    def _features(self, images, rows):
        features = np.empty((len(images), self._n_features_out), np.float32)
        of_no_label = self.output != "maps" and not self._rows_are_evidence  # feature maps
        for where, maps, raw, _, regions in self._parts(images, rows):
            if of_no_label:
                regions = regions.mean(1, keepdims=True)
            features[where] = self._row_features(maps, self._cams(raw), regions)
        return features

    def _parts(self, images, rows, mask_shape=None):
        """Yield what is pooled, Grad-CAM maps as they are, masks and regions, batch by batch."""
        batch_size = self.embedder_.batch_size
        masks = self._masks(images, mask_shape or self.map_shape_[1:], batch_size)
        for where, maps in rows.batches(batch_size):
            maps = maps.astype(np.float32, copy=False)
            if maps.ndim == 5:  # activations w A and intercepts b of each label
                raw = np.maximum(maps[:, 0], 0) / np.float32(np.prod(maps.shape[-2:]))
                maps = maps.sum(1)
            else:
                raw = linear_grad_cam(maps, self.embedder_.head_coef_)
            yield where, maps, raw, *next(masks)
        next(masks, None)  # so that it says what was implausible

    def _masks(self, images, shape, batch_size):
        """Lung masks and regions of the labels in the batches of the maps."""
        if not self._mask_weight:
            return lungs_everywhere(len(images), shape, batch_size)
        self._hold_masker(images)
        zones = self.regions
        if isinstance(zones, str):
            zones = LABEL_ZONES if zones == "labels" else None
        names = list(map(str, self.label_names_))
        return iter_regions(self.masker_, images, tuple(shape), batch_size, names, zones)

    def _cams(self, raw):
        return normalise(mirror_contrast(raw) if self.contrast == "mirror" else raw)

    def _fuse(self, cams, regions):
        return self._mask_weight * regions + (1 - self._mask_weight) * cams

    def _row_features(self, maps, cams, regions):
        if self.output == "maps":
            parts = [self._fuse(cams, regions).reshape(len(maps), -1)]
        else:
            cam = cams.mean(1) if self.reduce == "mean" else cams.max(1)
            fused = self._fuse(cam[:, None], regions)
            total = fused.sum((2, 3), keepdims=True)
            fused = np.where(total > 0, fused, 1.0)
            fused = (fused / fused.sum((2, 3), keepdims=True)).astype(np.float32)
            flat = maps.reshape(*maps.shape[:2], -1, 1)
            parts = [np.matmul(fused.reshape(*fused.shape[:2], 1, -1), flat)[..., 0, 0]]
        if self.passthrough:
            parts.append(maps.mean((2, 3)))
        return np.concatenate(parts, 1)

    def attention_maps(self, X, labels=None, size=None):
        """Return the maps behind the features, to look at.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images, of the size that fit saw.
        labels : str, int, sequence of them or None, default=None
            Names or positions of the labels wanted; None takes all.
        size : (int, int) or None, default=None
            Height and width: Grad-CAM is interpolated to it, the mask is made at it. None keeps
            the size of the feature maps.

        Returns
        -------
        Bunch
            ``cam`` and ``fused`` of shape (n, n_labels, h, w), ``mask`` of shape (n, h, w), all
            float32 in [0, 1]; ``raw_cam``, Grad-CAM as its equations give it; ``label_names``.
        """
        check_is_fitted(self, "embedder_")
        images = self._validate_images(X, reset=False)
        index = label_positions(labels, self.label_names_)
        parts = [
            (raw[:, index], mask, regions if regions.shape[1] == 1 else regions[:, index])
            for _, _, raw, mask, regions in self._parts(images, self._rows(images), size)
        ]
        raw, mask, regions = map(np.concatenate, zip(*parts, strict=True))
        cam = self._cams(raw)
        if size is not None:
            cam, raw = resize_maps(cam, size), resize_maps(raw, size)
        return Bunch(
            cam=cam,
            mask=mask,
            fused=self._fuse(cam, regions).astype(np.float32),
            raw_cam=raw,
            label_names=self.label_names_[index],
        )

    @property
    def _n_features_out(self):
        return len(self.get_feature_names_out())

    def get_feature_names_out(self, input_features=None):
        """``attention_<i>``, ``attended_<label>`` or ``map_<label>_<row>_<column>``, and so on.

        With `passthrough` ``embedding_<i>`` or ``logit_<label>`` follow.

        Parameters
        ----------
        input_features : ignored
            Present for API consistency.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self, "embedder_")
        labels = list(map(str, self.label_names_))
        _, height, width = self.map_shape_
        evidence = self._rows_are_evidence
        channels = labels if evidence else range(self.embedder_.n_channels_)
        if self.output == "maps":
            places = [(i, j) for i in range(height) for j in range(width)]
            names = [f"map_{label}_{i}_{j}" for label in labels for i, j in places]
        else:
            names = [f"{'attended' if evidence else 'attention'}_{c}" for c in channels]
        if self.passthrough:
            names += [f"{'logit' if evidence else 'embedding'}_{c}" for c in channels]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags(multi_class=False, multi_label=True)  # of its head
        return tags
