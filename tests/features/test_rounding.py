"""Weights after a training, as whole numbers of steps from where they began."""

import numpy as np
import pytest
import torch

from skcxr.features._rounding import add_changes, find_steps, round_changes


def changed(kind, seed=0):
    """A start of convolutions (64, 16, 3, 3), and what a training might make of it."""
    rng = np.random.default_rng(seed)
    start = rng.normal(scale=0.1, size=(64, 16, 3, 3))
    change = rng.normal(scale=0.001, size=start.shape) * 10 ** rng.uniform(-2, 1, (64, 1, 1, 1))
    if kind == "heavy tails":
        change = 1e-4 * rng.standard_t(1.5, size=start.shape)
    elif kind == "some channels":
        change[::2] = 0
    elif kind == "one weight":
        change[:] = 0
        change[:, 3, 1, 1] = 0.01
    return torch.tensor(start, dtype=torch.float32), torch.tensor(start + change).float()


KINDS = ["plain", "heavy tails", "some channels", "one weight"]


@pytest.mark.parametrize("kind", KINDS)
def test_rounding_is_far_below_the_change(kind):
    start, trained = changed(kind)
    rounded = round_changes(trained, start)
    change, error = ((a - b).flatten(1).double() for a, b in ((trained, start), (rounded, trained)))
    # Half of a step, which is an eighth of the root mean square, or what 63 steps reach.
    rms, largest = change.square().mean(1).sqrt(), change.abs().amax(1)
    step = torch.maximum(rms / 8, largest * 2 / 127)
    assert (error.abs().amax(1) <= 0.5 * step + 1e-7).all()
    assert torch.equal(rounded[change.abs().amax(1) == 0], start[change.abs().amax(1) == 0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_steps_are_found_again(kind, seed):
    start, trained = changed(kind, seed)
    rounded = round_changes(trained, start)
    codes, steps = find_steps(rounded, start)
    assert codes.dtype == torch.int8
    assert torch.equal(add_changes(start, codes.float(), steps), rounded)
    assert (torch.frexp(steps).mantissa == 0.5).all()  # powers of two


def test_what_was_not_rounded_has_no_steps():
    start, trained = changed("plain")
    assert find_steps(trained, start) == (None, None)
