"""Rows of a computation as tests of the store ask for them."""

from skcxr._rows import Computed


def cached_rows(images, compute, *, store, kind, config, batch_size, **settings):
    """Batches of rows that are computed, or read from the store."""
    rows = Computed(images, compute, kind=kind, config=config, shelf=store, **settings)
    return rows.batches(batch_size)
