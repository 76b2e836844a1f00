"""What a training changed of a network, in steps that a few bits hold.

A fine-tuning moves weights by a hundredth of their size. Steps of a sixteenth of that change are
far below what a second training would differ by, and make a saved network a fifth as large.
"""

import torch

_STEP = 0.125  # of the root mean square of a channel's changes, at the most
LARGEST = 127  # steps: a code fits int8


def round_changes(tensor, start):
    """A trained weight as its start plus a whole number of steps in each channel.

    Parameters
    ----------
    tensor, start : Tensor of shape (channels, ...), float32

    Returns
    -------
    Tensor of the same shape
        Each change is off by at most half a step. Steps are powers of two, so that
        :func:`find_steps` can tell them from the result.
    """
    rows = (tensor - start).flatten(1)
    steps = _steps(rows)
    return add_changes(start, torch.round(rows / steps[:, None]), steps)


def add_changes(start, codes, steps):
    """The weight that is so many steps from its start.

    Parameters
    ----------
    start : Tensor of shape (channels, ...)
    codes : Tensor of shape (channels, n)
    steps : Tensor of shape (channels,)

    Returns
    -------
    Tensor of the shape of start
    """
    return start + (codes * steps[:, None]).reshape(start.shape)


def find_steps(tensor, start):
    """Codes and steps of a weight that was rounded.

    Parameters
    ----------
    tensor, start : Tensor of shape (channels, ...), float32

    Returns
    -------
    codes : Tensor of shape (channels, n), int8
    steps : Tensor of shape (channels,)
        None for both where they do not give the weight back to the last bit.
    """
    rows = (tensor - start).flatten(1)
    guess = _steps(rows)
    found = torch.zeros_like(guess)
    for factor in (0.5, 1.0, 2.0):  # rounding may have moved the mean over a power of two
        codes = rows / (guess * factor)[:, None]
        whole = (codes - codes.round()).abs().amax(1) < 0.05
        found = torch.where(whole & (codes.abs().amax(1) < LARGEST + 0.5), guess * factor, found)
    steps = torch.where(found > 0, found, guess)
    codes = torch.round(rows / steps[:, None]).clamp(-LARGEST, LARGEST)
    if not torch.equal(add_changes(start, codes, steps), tensor):
        return None, None
    return codes.to(torch.int8), steps


def _steps(rows):
    """The step of each channel: a power of two, 1 where nothing changed."""
    wide = torch.maximum(_STEP * rows.square().mean(1).sqrt(), 2 * rows.abs().amax(1) / LARGEST)
    exponents = torch.frexp(wide).exponent - 1  # so that the power is at most as wide
    return torch.where(wide > 0, torch.ldexp(torch.ones_like(wide), exponents), 1.0)
