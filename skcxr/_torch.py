"""What every stage that runs a network shares: device, precision, batches that fit."""

import contextlib
import functools
import threading

import numpy as np

_seeding = threading.RLock()
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def resolve_device(device="auto"):
    """``"auto"`` is the first of CUDA, MPS and the CPU that is there; else as torch names it."""
    import torch

    if device != "auto":
        try:
            return torch.device(device)
        except RuntimeError as error:
            raise ValueError(
                f"device={device!r} is none that torch knows; expected 'auto', 'cpu', 'cuda', "
                "'cuda:1' or 'mps'."
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@functools.cache
def _cpu_has_bf16():
    """Whether matrix products in bfloat16 run in hardware on this processor."""
    import torch

    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    keys = ("avx512_bf16", "amx_bf16", "bf16")
    if any(capabilities.get(key, False) for key in keys):
        return True
    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())


def resolve_precision(precision, device):
    """The torch dtype that a network computes in; one that is resolved already stays.

    ``"auto"`` is bfloat16 where the processor or the GPU multiplies it in hardware (x86 with
    AVX512_BF16 or AMX; NVIDIA from Ampere), else float16 on older CUDA devices, else float32.
    """
    import torch

    if isinstance(precision, torch.dtype):
        return precision
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    if device.type == "cpu" and _cpu_has_bf16():
        return torch.bfloat16
    return torch.float32


def autocast(device, precision="auto"):
    """Context in which a network computes at `precision`."""
    import torch

    dtype = resolve_precision(precision, device)
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype)


def to_input(batch, device):
    """(m, H, W) uint8 → (m, 1, H, W) float32 in [-1, 1], channels last: ``x / 127.5 - 1``."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(batch))
    if device.type == "cuda":
        tensor = tensor.pin_memory().to(device, non_blocking=True)
    elif device.type != "cpu":
        tensor = tensor.to(device)
    tensor = tensor.unsqueeze(1).to(torch.float32).mul_(1 / 127.5).sub_(1.0)
    return tensor.contiguous(memory_format=torch.channels_last)


class InBatches:
    """Call a function on at most so many rows at a time, fewer once memory has run out.

    Parameters
    ----------
    function : callable
        (m, ...) array → (m, ...) array; what it allocates grows with m.
    batch_size : int
        Rows to begin with; what was found to fit is remembered from call to call.

    Raises
    ------
    MemoryError
        When a single row does not fit.
    """

    def __init__(self, function, batch_size):
        self.function, self.batch_size = function, batch_size

    def __call__(self, rows):
        """(n, ...) array → (n, ...) array."""
        parts, start = [], 0
        while start < len(rows):
            try:
                parts.append(self.function(rows[start : start + self.batch_size]))
                start += self.batch_size
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_size == 1:
                    raise MemoryError(
                        "One image alone does not fit in the device's memory; use smaller images, "
                        'a smaller network or device="cpu".'
                    ) from error
                self.batch_size = max(1, self.batch_size // 2)
                _empty_cache()
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def is_out_of_memory(error):
    """Whether torch or numpy ran out of memory, on a GPU or in RAM."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text


def _empty_cache():
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# Blocks that use what they define in that order: a batch norm after the convolution before it.
_IN_ORDER = ("monai.networks.", "efficientnet_lite_pytorch.", "torchvision.models.")


def conv_norm_pairs(module):
    """Yield ``(parent, name, name)`` of each convolution and the batch norm that surely follows it.

    A batch norm counts when its parent defines it right after a convolution of as many output
    channels, and surely applies it there: in an ``nn.Sequential`` of torch's own layers, and in
    the blocks of the named backbones. Any other is left out.
    """
    import torch

    for parent in module.modules():
        known = type(parent).__module__.startswith(_IN_ORDER)
        plain = type(parent).forward is torch.nn.Sequential.forward
        previous = None
        for name, child in parent.named_children():
            is_norm = type(child) is torch.nn.BatchNorm2d and previous is not None
            if is_norm and getattr(previous[1], "out_channels", 0) == child.num_features:
                layer = previous[1]
                is_conv = isinstance(layer, torch.nn.Conv2d)
                if (plain and (hasattr(layer, "fold") or type(layer) is torch.nn.Conv2d)) or (
                    known and is_conv
                ):
                    yield parent, previous[0], name
            previous = (name, child)


def fold_batch_norms(module):
    """A copy of `module` in eval mode, its batch norms folded into the convolutions before them."""
    import copy

    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    folded = copy.deepcopy(module.eval())
    for parent, conv_name, norm_name in list(conv_norm_pairs(folded)):
        conv, norm = getattr(parent, conv_name), getattr(parent, norm_name)
        if hasattr(conv, "fold"):
            conv.fold(norm)
        else:
            setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
        setattr(parent, norm_name, torch.nn.Identity())
    return folded


@contextlib.contextmanager
def seeded(random_state, device=None):
    """Context in which torch draws from `random_state`; the global state is as before after it."""
    import torch
    from sklearn.utils import check_random_state

    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    devices = [device] if device is not None and device.type == "cuda" else []
    # The state is the process's: threads that seed it take turns.
    with _seeding, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield seed
