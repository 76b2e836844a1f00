"""UNetMasker: soft lung masks from radiographs, with weights that ship or trained here."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import NotFittedError

from .._base import MEMORY, _ImageToImage
from .._image_input import flat_image_shape
from .._sklearn import HasMethods, Interval, StrOptions, _fit_context
from ._inference import BATCH, cleaned, judged_masks, network_masks, resized, start_network
from ._masks import dice_scores, looks_like_labels
from ._training import train_on
from ._weights import write_weights
from .quality import mask_quality

PREPROCESSING = "resize to side, equalise the histogram, x / 127.5 - 1"


class UNetMasker(_ImageToImage, auto_wrap_output_keys=None):
    """Soft lung masks by a small U-Net [1]_.

    With ``weights="lungs"`` nothing has to be trained: the file comes with the package and was
    made from the Montgomery set [2]_ [3]_ and phantoms (see ``MODEL_CARD.md`` beside it). With
    masks as y, :meth:`fit` trains the network, from ``weights`` or from random values.

    Inside, each image is resized to ``side`` and its histogram equalised, so that raw and
    equalised images, and films of different machines, give nearly the same mask.

    Parameters
    ----------
    weights : str, path-like or None, default="lungs"
        Name of shipped weights, a ``.safetensors`` file (see :meth:`save_weights`), or None to
        train from random values.
    network : {"unet", "attention_unet", "unet++"} or torch.nn.Module, default="unet"
        A module maps (n, 1, side, side) grey in [-1, 1] to logits of the same shape; a copy of
        it is trained. Shipped weights belong to ``"unet"``.
    side : int, default=224
        Working size, a multiple of 16.
    postprocess : {"two_largest"} or None, default="two_largest"
        ``"two_largest"`` keeps the two largest connected parts and fills their holes.
    loss : {"bce", "bce+dice"}, default="bce+dice"
        Mean binary cross-entropy, alone or plus soft Dice.
    epochs : int, default=100
    batch_size : int, default=8
        Images per training step.
    lr : float, default=3e-3
        Largest learning rate of the one cycle.
    augment : float, default=1.0
        Strength of the augmentation in training (flips, rotation, scale, bending, contrast,
        gamma, noise, opacities, borders, text markers); 0 is none.
    device : str, default="auto"
        ``"auto"``: CUDA, MPS or the CPU, the first that is there.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        ``"auto"``: bfloat16 where the hardware multiplies it.
    %(memory)s
    image_shape : (int, int) or None, default=None
        Height and width of images that come as flat rows; one of them may be -1. None takes rows
        as square images.
    value_range : (float, float) or None, default=None
        Values that become 0 and 255 in images that are not uint8; None stretches each image.
    verbose : int, default=0
        1 prints the loss of each epoch, and shows progress of masks on standard error.
    random_state : int, RandomState instance or None, default=None
        First weights, order and augmentation.

    Attributes
    ----------
    module_ : torch.nn.Module
        The network that makes the masks.
    history_ : list of float
        Mean training loss per epoch; absent where :meth:`fit` only loaded weights.
    quality_ : DataFrame
        :meth:`mask_quality` of the images given to :meth:`fit_transform`; there only after it.
    n_features_in_ : int
        Pixels per image, where X came as flat rows.

    See Also
    --------
    skcxr.segmentation.mask_quality : Flags for masks from anywhere.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox. "U-Net: convolutional networks for biomedical
       image segmentation". MICCAI 2015.
    .. [2] S. Jaeger et al. "Automatic tuberculosis screening using chest radiographs". IEEE
       Trans. Medical Imaging 33(2), 2014.
    .. [3] S. Candemir et al. "Lung segmentation in chest radiographs using anatomical atlases
       with nonrigid registration". IEEE Trans. Medical Imaging 33(2), 2014.

    Examples
    --------
    >>> from skcxr.datasets import make_chest_phantoms
    >>> from skcxr.segmentation import UNetMasker
    >>> phantoms = make_chest_phantoms(2, size=128, random_state=0)
    >>> masker = UNetMasker().fit(phantoms.images)
    >>> masks = masker.transform(phantoms.images)
    >>> masks.shape, masks.dtype
    ((2, 128, 128), dtype('float32'))
    >>> masker.score(phantoms.images, phantoms.masks) > 0.9
    True
    """

    _one_size = False
    _parameter_constraints = {
        "weights": [str, os.PathLike, None],
        "network": [
            StrOptions({"unet", "attention_unet", "unet++"}),
            HasMethods(["forward", "state_dict", "load_state_dict"]),
        ],
        "side": [Interval(Integral, 32, None, closed="left")],
        "postprocess": [StrOptions({"two_largest"}), None],
        "loss": [StrOptions({"bce", "bce+dice"})],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "augment": [Interval(Real, 0, 2, closed="both")],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16", "float16"})],
        "memory": MEMORY,
        "image_shape": [tuple, list, None],
        "value_range": [tuple, list, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        weights="lungs",
        network="unet",
        *,
        side=224,
        postprocess="two_largest",
        loss="bce+dice",
        epochs=100,
        batch_size=8,
        lr=3e-3,
        augment=1.0,
        device="auto",
        precision="auto",
        memory=None,
        image_shape=None,
        value_range=None,
        verbose=0,
        random_state=None,
    ):
        self.weights = weights
        self.network = network
        self.side = side
        self.postprocess = postprocess
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.augment = augment
        self.device = device
        self.precision = precision
        self.memory = memory
        self.image_shape = image_shape
        self.value_range = value_range
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y=None):
        """Load the weights and, where y has masks, train.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array, list of (H, W) arrays or \
                flat rows
            The images. For training their sizes may differ.
        y : masks in any of these forms, or None
            One mask per image, of its size: 0/1, 0/255 or bool, neither empty nor full. With
            ``weights``, labels (a vector, or a table of any width but that of flat X), as a
            Pipeline passes them on, are not masks and nothing is trained on them.

        Returns
        -------
        self : UNetMasker

        Raises
        ------
        ValueError
            When there is nothing to make masks with; naming the mask that cannot be used.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y=None):
        if self.side % 16:
            raise ValueError(f"side={self.side}; expected a multiple of 16.")
        images = self._validate_images(X, reset=True)
        n_pixels = int(np.prod(images.shape[1:])) if images.is_flat else -1
        masks = y is not None and not looks_like_labels(y, n_pixels)
        if self.weights is None and not masks:
            raise ValueError(
                "UNetMasker has weights=None and no masks to learn from: use weights='lungs', "
                "name a weights file, or call fit(images, masks)."
            )
        module = self._start_module()
        for name in ("history_", "quality_"):
            vars(self).pop(name, None)
        if masks:
            module = self._train(module, images, y)
        self.module_ = module.eval()
        return images

    def fit_transform(self, X, y=None):
        """Fit, return the soft masks of X, and set ``quality_``.

        Parameters
        ----------
        X, y : as in :meth:`fit`

        Returns
        -------
        masks : as :meth:`transform` returns them
        """
        images = self._fit(X, y)
        masks = self._masks(images)
        self.quality_ = mask_quality(masks).set_axis(images.names)
        return self._contain_masks(masks, images, X)

    def transform(self, X):
        """Soft lung masks.

        Parameters
        ----------
        X : images of one size, in any of the forms of :meth:`fit`

        Returns
        -------
        masks : ndarray of shape (n, H, W), or (n, H·W) for flat rows, float32 in [0, 1]
        """
        images = self._validate_images(X, reset=False)
        return self._contain_masks(self._masks(images), images, X)

    def _masks(self, images):
        masks = np.empty(images.shape, np.float32)
        for where, part in self._working_masks(images):
            masks[where] = resized(part, images.shape[1:])
        return masks

    def iter_masks(self, X, shape=None, *, batch_size=32):
        """Soft masks batch by batch, at any resolution, and which of them are plausible.

        Parameters
        ----------
        X : as in :meth:`transform`
        shape : tuple of (int, int), optional
            Height and width of the masks, area-averaged where they shrink; the images' own
            where None.
        batch_size : int, default=32
            Masks per batch.

        Yields
        ------
        where : slice
        masks : ndarray of shape (m, height, width), float32 in [0, 1]
        usable : ndarray of shape (m,), bool
            As :meth:`mask_quality` says.
        """
        images = self._validate_images(X, reset=False)
        shape = images.shape[1:] if shape is None else tuple(shape)
        network = self._network_masks(images)
        rows = judged_masks(network, shape, self.postprocess, self._open_memory())
        for where, values in rows.batches(batch_size):
            yield where, values[:, 1:].reshape(-1, *shape), values[:, 0] > 0

    def mask_quality(self, X):
        """Flag the masks of X that are plainly wrong.

        Parameters
        ----------
        X : as in :meth:`transform`

        Returns
        -------
        DataFrame of n rows
            As :func:`skcxr.segmentation.mask_quality` returns it: areas, balance, doubt, ``flag``
            and ``usable``. Its index are the names of the files, or places in X such as ``X[3]``.
        """
        images = self._validate_images(X, reset=False)
        masks = np.concatenate([masks for _, masks in self._working_masks(images)])
        return mask_quality(masks).set_axis(images.names)

    def score(self, X, y, sample_weight=None):
        """Mean Dice coefficient of the masks (at 0.5) and y, each at the size of y.

        Parameters
        ----------
        X, y : as in :meth:`fit`
            Sizes may differ.
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        dice : float
        """
        images = self._validate_images(X, reset=False)
        masks = self._network_masks(images)
        dice = dice_scores(
            images, y, lambda i: cleaned(masks.take([i]).read([0]), self.postprocess)[0]
        )
        return float(np.average(dice, weights=sample_weight))

    def save_weights(self, path, note="", about=None):
        """Write the network as safetensors (float16) for ``weights=path``.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.safetensors``.
        note : str, default=""
            What it was trained on, for those who use it.
        about : dict, optional
            More to go into the file's metadata; what JSON can hold.

        Returns
        -------
        sha256 : str
            Digest of the file.
        """
        known = {
            "network": self.network if isinstance(self.network, str) else "module",
            "side": self.side,
            "preprocessing": PREPROCESSING,
            "output": "logits of one channel",
            "note": note,
        }
        return write_weights(path, self._module(), (about or {}) | known)

    def _module(self):
        if hasattr(self, "module_"):
            return self.module_
        if self.weights is None:
            raise NotFittedError(
                "This UNetMasker is not fitted yet: call fit(images, masks), or set "
                "weights='lungs'."
            )
        return self._start_module().eval()

    def _start_module(self):
        return start_network(self.network, self.weights, self.random_state)

    def _train(self, module, images, y):
        module, self.history_ = train_on(
            images,
            y,
            module,
            side=self.side,
            is_new=self.weights is None,
            random_state=self.random_state,
            device=self.device,
            precision=self.precision,
            loss=self.loss,
            epochs=self.epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            augment=self.augment,
            verbose=self.verbose,
        )
        return module

    def _network_masks(self, images):
        """Lazy rows: what the network makes of the images, (m, side, side) uint8."""
        return network_masks(
            self._module(),
            images,
            side=self.side,
            device=self.device,
            precision=self.precision,
            shelf=self._open_memory(),
            verbose=self.verbose,
        )

    def _working_masks(self, images):
        """Yield (where, (m, side, side) uint8), cleaned up."""
        for where, masks in self._network_masks(images).batches(BATCH):
            yield where, cleaned(masks, self.postprocess)

    def _contain_masks(self, masks, images, X):
        rows = masks.reshape(len(masks), -1)
        return self._contain(rows, X, masks.shape[1:]) if images.is_flat else masks

    def _output_size(self):
        if not hasattr(self, "n_features_in_"):
            raise ValueError("Masks have feature names only where X is flat rows.")
        return flat_image_shape(self.n_features_in_, self.image_shape)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "module_") or self.weights is not None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.weights is None
        return tags
