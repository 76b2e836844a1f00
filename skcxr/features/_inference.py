"""What a network makes of images: its parts folded for inference, and the pooling of their maps."""

from functools import partial

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._rows import Computed, digest
from .._torch import (
    InBatches,
    fold_batch_norms,
    is_out_of_memory,
    resolve_device,
    resolve_precision,
    to_input,
)
from .backbones import digest_once, state_digest

_CPU_ROWS = 8  # images whose activations a processor's caches hold
_LARGEST_TRIED = 128  # pixels along a side


class _NetworkRowsMixin:
    """Rows of an estimator's networks: a frozen trunk, and tails that were trained on it.

    Uses the parameters ``batch_size``, ``device``, ``precision`` and ``verbose``.
    """

    def _split(self, network, built, settings):
        """Cut the network before what is trained, all of it where films change; return that."""
        stages = [name for name, _ in network.named_children()]
        cut = len(stages)
        if settings is not None:
            whole = settings.changes_films or settings.train not in stages
            cut = 0 if whole else stages.index(settings.train)
        self.trunk_, rest = network[:cut], network[cut:]
        self.trained_on_ = getattr(network, "trained_on", None)  # slices do not keep it
        self._mirror = settings is not None and settings.flip
        self._trunk_digest = (
            state_digest(self.trunk_) if built is None else digest_once(cut, *built)
        )
        self.tails_, self._tail_digests = [], []
        self.head_coefs_, self.head_intercepts_ = [], []
        self._inference = {}
        vars(self).pop("_n_channels", None)
        return rest

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
        if self._several:
            self._check_output(needs_maps=True)
        return self._map_rows(self._trunk_rows(self._validate_images(X, reset=False)))

    def activation_rows(self, X):
        """What the linear head says of each place, as lazy rows.

        For a global average pooling and a linear head the logit of a label is the mean over the
        places of w · A + b, with the feature maps A. Several networks are averaged, as logits are.

        Parameters
        ----------
        X : paths, DataFrame with a ``path`` column, (n, H, W) array or flat rows
            The images.

        Returns
        -------
        rows with ``batches(batch_size)`` yielding ``(slice, (m, 2, n_labels, h, w) float32)``
            w · A, the class activation maps, and b.
        """
        check_is_fitted(self, "trunk_")
        self._check_output(needs_maps=False)
        return self._activation_rows(self._trunk_rows(self._validate_images(X, reset=False)))

    def _install(self, network, coef, intercept):
        """Add a trained network, or the head of the frozen one."""
        if network is not None:
            self.tails_.append(network)
            self._tail_digests.append(state_digest(network))
        self.head_coefs_.append(coef)
        self.head_intercepts_.append(intercept)

    def _trunk_rows(self, images):
        """Maps of the frozen stages; the images where there is none."""
        if not len(self.trunk_):
            return images
        kind = "maps" if self.fine_tune is None else "trunk"
        forward = partial(self._forward, "trunk")
        return self._computed(images, forward, kind, self._trunk_digest, desc="feature maps")

    def _map_rows(self, trunk_rows):
        """Maps of the one network, (m, C, h, w) float16."""
        if not self.tails_:
            return trunk_rows
        forward = partial(self._forward, 0)
        return self._computed(trunk_rows, forward, "maps", self._part_digest(0))

    def _activation_rows(self, trunk_rows, numbers=None):
        """What the networks say of each place, as :meth:`CNNEmbedder.activation_rows` has it."""
        numbers = range(len(self.head_coefs_)) if numbers is None else numbers
        heads = [
            (self.head_coefs_[i].tobytes(), self.head_intercepts_[i].tobytes()) for i in numbers
        ]
        config = digest(*(part for head in heads for part in head)).hex()
        if self.tails_:
            config = " ".join([config, *(self._part_digest(i) for i in numbers)])
        activate = partial(self._activate, list(numbers))
        return self._computed(trunk_rows, activate, "activations", config, desc="activations")

    def _part_digest(self, i):
        return f"{self._tail_digests[i]}{' mirrored' if self._mirror else ''}"

    def _computed(self, source, compute, kind, config, desc=None):
        device, dtype = self._runs_on()
        at_once = min(self.batch_size, _CPU_ROWS) if device.type == "cpu" else self.batch_size
        return Computed(
            source,
            InBatches(compute, at_once),
            kind=kind,
            config=f"{config} {dtype}",
            shelf=self._open_memory(),
            verbose=self.verbose if desc else 0,
            desc=desc,
        )

    def _runs_on(self):
        """Device and torch's dtype that the network runs in."""
        device = resolve_device(self.device)
        return device, resolve_precision(self.precision, device)

    def _forward(self, part, batch):
        """Maps of a batch by a part: ``"trunk"``, or the number of a tail."""
        key = (part, *self._runs_on())
        if key not in self._inference:
            module = self.trunk_ if part == "trunk" else self.tails_[part]
            mirror = self._mirror and part != "trunk"
            self._inference[key] = NetworkPart(module, *key[1:], mirror=mirror)
        try:
            return self._inference[key](batch)
        except RuntimeError as error:
            refuse_small_images([self.trunk_, *self.tails_[:1]], self.n_features_in_, error)
            raise

    def _activate(self, numbers, batch):
        """(m, 2, n_labels, h, w) float32: w_c A and intercept, their means over the networks."""
        total = None
        for i in numbers:
            maps = self._forward(i, batch) if self.tails_ else batch
            coef, intercept = self.head_coefs_[i], self.head_intercepts_[i]
            flat = maps.reshape(*maps.shape[:2], -1).astype(np.float32)
            made = np.empty((len(maps), 2, len(coef), *maps.shape[2:]), np.float32)
            made[:, 0] = np.matmul(coef, flat).reshape(len(maps), len(coef), *maps.shape[2:])
            made[:, 1] = intercept[:, None, None]
            total = made if total is None else total + made
        return total / np.float32(len(numbers))

    def __getstate__(self):
        # The folded copies are made again where they are needed, perhaps on another device.
        return {**super().__getstate__(), **({"_inference": {}} if hasattr(self, "trunk_") else {})}


class NetworkPart:
    """Consecutive stages of a network as they run: batch norms folded, on a device, in a precision.

    Parameters
    ----------
    module : nn.Module
        Is copied when the first batch comes.
    device : torch.device
    dtype : torch.dtype
    mirror : bool, default=False
        Whether the maps of an image are averaged with those of its mirror image, turned back.
    """

    def __init__(self, module, device, dtype, *, mirror=False):
        self.module, self.device, self.dtype = module, device, dtype
        self.mirror = mirror
        self._folded = None

    def __call__(self, batch):
        """(m, H, W) uint8 images or (m, C, h, w) float16 maps → (m, C', h', w') float16 maps."""
        if self._folded is None:
            folded = fold_batch_norms(self.module).to(device=self.device, dtype=self.dtype)
            self._folded = folded.to(memory_format=torch.channels_last)
        n = len(batch)
        if n == 1:  # alone, it may take other kernels, whose last bits differ
            batch = np.concatenate([batch, batch])
        with torch.inference_mode():
            if batch.ndim == 3:
                x = to_input(batch, self.device).to(self.dtype)
            else:
                x = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device).to(self.dtype)
                x = x.contiguous(memory_format=torch.channels_last)
            maps = self._folded(x)
            if self.mirror:
                # Turned back, the mirror image's maps lie on the image's own.
                maps = (maps.float() + self._folded(x.flip(3)).float().flip(3)) / 2
            return _to_half(maps[:n])


def _to_half(maps):
    """Feature maps as float16; what exceeds its range is an error, not infinity."""
    limit = torch.finfo(torch.float16).max
    half = maps.to(torch.float16).contiguous().cpu().numpy()
    if not np.isfinite(half).all():
        raise FloatingPointError(
            f"Feature maps exceed float16 (±{limit:g}) or are not finite; the network's weights "
            'are unusable, or need precision="float32" and a norm before their output.'
        )
    return half


def refuse_small_images(modules, n_pixels, error):
    """Turn a network's own error into a sentence with the smallest size, where that is why.

    Parameters
    ----------
    modules : list of nn.Module
        All parts of the network, in order.
    n_pixels : int
        Of an image that it failed on.
    error : Exception
        What it raised.

    Raises
    ------
    ValueError
        If the network takes larger images.
    """
    if is_out_of_memory(error) or n_pixels >= _LARGEST_TRIED**2:
        return
    side = next((side for side in range(1, _LARGEST_TRIED) if _takes(modules, side)), 0)
    if side**2 > n_pixels:
        raise ValueError(
            f"Images of {n_pixels} pixels are too small for this network, which takes "
            f"{side}×{side} and larger; put an ImageLoader before it to enlarge them."
        ) from error


def _takes(modules, side):
    x = torch.zeros(2, 1, side, side)
    try:
        with torch.inference_mode():
            for module in modules:
                x = module(x)
    except RuntimeError:
        return False
    return x.numel() > 0


def pool_rows(rows, batch_size):
    """Global average pooling of feature maps, in float32.

    Parameters
    ----------
    rows : Computed
        Maps (m, C, h, w).
    batch_size : int

    Returns
    -------
    ndarray of shape (n, C), float32
    """
    pooled = None
    for where, maps in rows.batches(batch_size):
        if pooled is None:
            pooled = np.empty((len(rows), maps.shape[1]), np.float32)
        pooled[where] = maps.astype(np.float32).mean((2, 3))
    return pooled
