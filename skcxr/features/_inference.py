"""What a network makes of images: its parts folded for inference, and the pooling of their maps."""

from functools import partial

import numpy as np
import torch

from .._rows import Computed
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
    """Rows of an estimator's network, frozen trunk and trained tail, as lazy feature maps.

    Uses the parameters ``fine_tune``, ``batch_size``, ``device``, ``precision`` and ``verbose``.
    """

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

    def _trunk_rows(self, images):
        """Maps of the frozen stages."""
        kind = "maps" if self.tail_ is None else "trunk"
        return self._part_rows(images, "trunk_", kind, self._trunk_digest, desc="feature maps")

    def _tail_rows(self, trunk_rows):
        """Maps of the trained stages."""
        return self._part_rows(trunk_rows, "tail_", "maps", self._tail_digest)

    def _part_rows(self, source, part, kind, part_digest, desc=None):
        device, dtype = self._runs_on()
        at_once = min(self.batch_size, _CPU_ROWS) if device.type == "cpu" else self.batch_size
        return Computed(
            source,
            InBatches(partial(self._forward, part), at_once),
            kind=kind,
            config=f"{part_digest} {dtype}",
            shelf=self._open_memory(),
            verbose=self.verbose if desc else 0,
            desc=desc,
        )

    def _runs_on(self):
        """Device and torch's dtype that the network runs in."""
        device = resolve_device(self.device)
        return device, resolve_precision(self.precision, device)

    def _forward(self, part, batch):
        key = (part, *self._runs_on())
        if key not in self._inference:
            self._inference[key] = NetworkPart(getattr(self, part), *key[1:])
        try:
            return self._inference[key](batch)
        except RuntimeError as error:
            modules = [module for module in (self.trunk_, self.tail_) if module is not None]
            refuse_small_images(modules, self.n_features_in_, error)
            raise

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
    """

    def __init__(self, module, device, dtype):
        self.module, self.device, self.dtype = module, device, dtype
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
            return _to_half(self._folded(x)[:n])


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
