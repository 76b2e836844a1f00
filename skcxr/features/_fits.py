"""Fits on the rows of a network, taken from `memory` where they were made before."""

from .._rows import digest
from .._store import cached_fit, checkpoint_folder, open_store
from ._inference import pool_rows
from .backbones import state_digest
from .fine_tuning import Stopped, discard_checkpoint, fine_tune_tail
from .linear_head import fit_linear_head


def fit_head(memory, rows, Y, label_names, *, C, batch_size):
    """Fit the linear head on pooled feature maps.

    Parameters
    ----------
    memory : None, folder or joblib.Memory
    rows : Computed
        Maps (m, C, h, w).
    Y, label_names, C
        As for :func:`fit_linear_head`.
    batch_size : int
        Rows at a time.

    Returns
    -------
    coef, intercept : ndarray
    """
    return cached_fit(
        memory,
        _head,
        rows,
        Y,
        label_names,
        C=C,
        inputs=None if memory is None else digest(*rows.keys()),
        batch_size=batch_size,
        ignore=("rows", "batch_size"),
    )


def fit_tail(memory, trunk_rows, tail, Y, label_names, *, settings, device, verbose, begin_epoch):
    """Train the tail and the linear head; an interrupted training goes on where it was.

    Parameters
    ----------
    memory : None, folder or joblib.Memory
    trunk_rows, tail, Y, label_names, device, verbose, begin_epoch
        As for :func:`fine_tune_tail`.
    settings : dict
        Its other arguments, on which the result depends.

    Returns
    -------
    dict of {str: ndarray}
        State of the tail and the head.
    """
    inputs = checkpoint = None
    if memory is not None:
        inputs = digest(state_digest(tail), *trunk_rows.keys(), Y.tobytes()).hex()
        name = digest(inputs, str(settings)).hex()
        checkpoint = checkpoint_folder(open_store(memory)) / f"{name}.pt"
    try:
        state = cached_fit(
            memory,
            _tail,
            trunk_rows,
            tail,
            Y,
            label_names,
            inputs=inputs,
            settings=settings,
            device=device,
            checkpoint=checkpoint,
            verbose=verbose,
            begin_epoch=begin_epoch,
            ignore=("trunk_rows", "tail", "device", "checkpoint", "verbose", "begin_epoch"),
        )
    except Stopped as stopped:
        state = stopped.state
    discard_checkpoint(checkpoint)
    return dict(state)


def _head(rows, Y, label_names, *, C, inputs, batch_size):
    """`inputs` stands for the rows in the key."""
    return fit_linear_head(pool_rows(rows, batch_size), Y, label_names, C=C)


def _tail(
    trunk_rows, tail, Y, label_names, *, inputs, settings, device, checkpoint, verbose, begin_epoch
):
    """`inputs` stands for the rows and the tail in the key."""
    return fine_tune_tail(
        trunk_rows,
        tail,
        Y,
        label_names,
        **settings,
        device=device,
        checkpoint=checkpoint,
        verbose=verbose,
        begin_epoch=begin_epoch,
    )
