"""Fits on the rows of a network, taken from `memory` where they were made before."""

import contextlib

from .._rows import digest
from .._store import cached_fit, checkpoint_folder, open_store
from ._inference import pool_rows
from ._training import Stopped, train_network
from .backbones import state_digest
from .fine_tuning import plain_params
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


def fit_network(
    memory,
    rows,
    network,
    Y,
    label_names,
    settings,
    *,
    regions=None,
    device,
    verbose,
    begin_epoch,
    **training,
):
    """Train a network and its linear head; an interrupted training goes on where it was.

    Parameters
    ----------
    memory : None, folder or joblib.Memory
    rows, network, Y, label_names, settings, regions, device, verbose, begin_epoch
        As for :func:`train_network`.
    **training : dict
        Its other arguments, on which the result depends.

    Returns
    -------
    state : dict of {str: ndarray}
        State of the network and the head.
    history : list of dict
    """
    inputs = checkpoint = None
    if memory is not None:
        guided = [] if regions is None else [regions.key, regions.index.tobytes()]
        inputs = digest(state_digest(network), *rows.keys(), Y.tobytes(), *guided).hex()
        name = digest(inputs, str(plain_params(settings)), str(training)).hex()
        checkpoint = checkpoint_folder(open_store(memory)) / f"{name}.zip"
    try:
        state, history = cached_fit(
            memory,
            _network,
            rows,
            network,
            Y,
            label_names,
            settings,
            inputs=inputs,
            parameters=plain_params(settings),
            training={name: str(value) for name, value in training.items()},
            regions=regions,
            device=device,
            checkpoint=checkpoint,
            verbose=verbose,
            begin_epoch=begin_epoch,
            values=training,
            ignore=_NOT_IN_KEY,
        )
    except Stopped as stopped:
        state, history = stopped.result
    if checkpoint is not None:
        # Partial ones are of processes that were killed while they wrote.
        for path in (checkpoint, *checkpoint.parent.glob(f"{checkpoint.stem}.*.partial")):
            with contextlib.suppress(OSError):  # what cannot be removed is in nobody's way
                path.unlink()
    return dict(state), list(history)


_NOT_IN_KEY = (
    "rows",
    "network",
    "settings",
    "regions",
    "device",
    "checkpoint",
    "verbose",
    "begin_epoch",
    "values",
)


def _head(rows, Y, label_names, *, C, inputs, batch_size):
    """`inputs` stands for the rows in the key."""
    return fit_linear_head(pool_rows(rows, batch_size), Y, label_names, C=C)


def _network(
    rows,
    network,
    Y,
    label_names,
    settings,
    *,
    inputs,
    parameters,
    training,
    regions,
    device,
    checkpoint,
    verbose,
    begin_epoch,
    values,
):
    """`inputs` stands for rows, network and regions in the key, the other two for the rest."""
    return train_network(
        rows,
        network,
        Y,
        label_names,
        settings,
        regions=regions,
        device=device,
        checkpoint=checkpoint,
        verbose=verbose,
        begin_epoch=begin_epoch,
        **values,
    )
