"""Steps of a training that need no net."""

import contextlib

import numpy as np
import torch
from sklearn.utils import check_array


def resolve_pos_weight(pos_weight, positives, negatives, label_names):
    """Weights of the positives, (k,) float32 or None; ``"balanced"`` is negatives / positives."""
    if pos_weight is None:
        return None
    if isinstance(pos_weight, str):
        weight = np.where(positives > 0, negatives / np.maximum(positives, 1), 1.0)
        return np.maximum(weight, 1e-3).astype(np.float32)
    if isinstance(pos_weight, dict):
        unknown = [name for name in pos_weight if name not in set(label_names)]
        if unknown:
            raise ValueError(f"pos_weight names {unknown}; the labels are {list(label_names)}")
        pos_weight = [pos_weight.get(name, 1.0) for name in label_names]
    weight = check_array(pos_weight, ensure_2d=False, dtype=np.float32, input_name="pos_weight")
    if weight.shape != positives.shape or (weight <= 0).any():
        raise ValueError(f"pos_weight must be {len(positives)} positive numbers: {pos_weight!r}")
    return weight


def start_at_prior(module, positives, negatives, weight):
    """Begin at the labels' prevalence, which spares the first epochs of imbalanced data.

    It is the bias of ``module.output`` that is set, where that is a linear layer.
    """
    output = getattr(module, "output", None)
    if isinstance(output, torch.nn.Linear) and output.bias is not None:
        odds = (positives + 1) / (negatives + 1) * (1 if weight is None else weight)
        with torch.no_grad():
            output.bias.copy_(torch.from_numpy(np.log(odds)))


@contextlib.contextmanager
def seeded(seed, device):
    """Seed torch's generators inside, and leave them outside as they were."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        # torch.manual_seed would seed the generators of all devices, and not give them back.
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def silent(*args, **kwargs):
    """Print nothing."""
