"""Torch's random numbers from a stream of our own."""

import contextlib

import torch

from skcxr._torch import _seeding


class RandomStream:
    """A stream of random numbers that nobody else draws from, whichever thread asks.

    Most of torch draws from the process's default generator, without a way to name another one.
    Inside :meth:`drawing` its state stands in the place of torch's default generator's, which is as
    it was afterwards. One thread at a time is inside, so that a stream gives each net the same
    numbers alone and beside others.

    Parameters
    ----------
    seed : int
    device : torch.device
        The stream of a CUDA device goes with that of the processor.
    """

    def __init__(self, seed, device):
        self._devices = [device] if device.type == "cuda" else []
        self._states = [
            torch.Generator(where).manual_seed(seed).get_state()
            for where in ("cpu", *self._devices)
        ]

    def _swap(self, states):
        """Put `states` in place of the default generators' and return those."""
        outside = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]
        torch.set_rng_state(states[0])
        for state, device in zip(states[1:], self._devices, strict=True):
            torch.cuda.set_rng_state(state, device)
        return outside

    @contextlib.contextmanager
    def drawing(self):
        """Context in which torch draws from this stream."""
        with _seeding:
            outside = self._swap(self._states)
            try:
                yield
            finally:
                self._states = self._swap(outside)
