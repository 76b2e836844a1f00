"""What is computed of each image, or read where it was computed before."""

import json
from contextlib import closing
from functools import partial
from itertools import repeat

import numpy as np

from .._progress import Progress
from ._digest import digest
from ._prefetch import READERS, prefetch
from ._spool import Spool
from ._usable import try_each

WINDOW = 16  # batches that are looked up together; misses are gathered over them
AT_ONCE = 8  # rows that a thread reads at a time where some may be bad
AHEAD = 2  # windows or batches of the source that wait for the computation
_END = object()


class Computed:
    """Lazy rows: what `compute` makes of each row of `source`, kept on a shelf if there is one.

    Has the interface of its source (`keys`, `take`, `read`, `batches`), so that computed rows can
    be the source of others. Missing rows are gathered into full batches, whose source is made
    while others are computed, and written in one transaction per batch. Memory depends on the batch
    size, not on the number of rows.

    Parameters
    ----------
    source : Images or Computed
        What goes in.
    compute : callable or None
        (m, ...) rows of the source → (m, ...) ndarray, the same on a shelf or not. Row i may
        depend on row i alone. None takes the rows as they are, under the keys that they have.
    kind : str
        What the rows are; a name in `cache_info`, up to 64 bytes.
    config : str, bytes or JSON-like
        All that `compute` depends on besides the source: digests of weights, precision, versions.
    shelf : ImageStore, Spool or None
        Where rows are kept; None computes them in every pass.
    positions : ndarray of int or None
        The rows' places in a spool, None being 0 to n-1.
    desc : str or None
        First words of the progress line; None is `kind`.
    verbose : int
        0 is silent.
    """

    def __init__(
        self,
        source,
        compute,
        *,
        kind,
        config=None,
        shelf=None,
        positions=None,
        desc=None,
        verbose=0,
    ):
        self.source, self.compute = source, compute
        self.kind, self.config, self.shelf = kind, config, shelf
        self.desc, self.verbose = desc, verbose
        self._positions = positions

    def __len__(self):
        return len(self.source)

    def name(self, i):
        """What to call row i in a message."""
        return self.source.name(i)

    def keys(self, index=None):
        """Digest of each row: of its source and of all that was done to it."""
        keys = self.source.keys(slice(None) if index is None else index)
        if self.compute is None:
            return keys
        config = self.config
        config = config if isinstance(config, bytes) else json.dumps(config, sort_keys=True)
        return [digest(key, self.kind, config) for key in keys]

    def take(self, index):
        """A lazy subset, by integer or boolean index; it shares the shelf."""
        index = np.arange(len(self))[index]
        positions = index if self._positions is None else self._positions[index]
        return self._with(source=self.source.take(index), positions=positions, verbose=0)

    def subset(self, index):
        """A subset to be sent elsewhere, where it fills a spool of its own."""
        shelf = Spool(len(index)) if isinstance(self.shelf, Spool) else self.shelf
        return self._with(source=self.source.take(index), shelf=shelf, positions=None)

    def spooled(self):
        """The same rows, computed once: on the shelf, or else in a temporary file."""
        return self if self._kept else self._with(shelf=Spool(len(self)))

    def read(self, index):
        """Rows at `index` in that order, made in the calling thread where they are not kept."""
        index = np.asarray(index, dtype=np.intp)
        if not self._kept:
            return self._make(self.source.read(index))
        addresses = self._addresses(index)
        rows = self.shelf.get_many(self.kind, addresses)
        missing = [j for j, row in enumerate(rows) if row is None]
        if missing:
            made = self._make(self.source.read(index[missing]))
            self.shelf.put_many(self.kind, [addresses[j] for j in missing], made)
            for j, row in zip(missing, made, strict=True):
                rows[j] = row
        return np.stack(rows)

    def fill(self, batch_size=64):
        """Make and keep all rows that are not kept yet, but those that cannot be made.

        Returns
        -------
        dict of {int: str}
            Why not, by their places.
        """
        bad = dict(self.source.bad)
        with Progress(len(self), self.desc or self.kind, self.verbose) as progress:
            for begin in range(0, len(self), WINDOW * batch_size):
                window = range(begin, min(begin + WINDOW * batch_size, len(self)))
                window = [i for i in window if i not in bad]
                addresses, of_window = try_each(self._addresses, window)
                window = [i for i in window if i not in of_window]
                known = zip(
                    window, addresses, self.shelf.has_many(self.kind, addresses), strict=True
                )
                missing = [(i, address) for i, address, is_known in known if not is_known]
                n_known = len(window) - len(missing)
                progress.update(n_known, stored=n_known)
                parts = [missing[k : k + AT_ONCE] for k in range(0, len(missing), AT_ONCE)]
                made = prefetch(self._try_read, parts, threads=READERS, ahead=2 * READERS)
                with closing(made):
                    for part, (rows, why) in zip(parts, made, strict=True):
                        kept = [address for i, address in part if i not in why]
                        self.shelf.put_many(self.kind, kept, rows)
                        of_window |= why
                        progress.update(len(part))
                bad |= of_window
            self.shelf.flush()
        return dict(sorted(bad.items()))

    def _try_read(self, part):
        made, why = try_each(self.source.read, [i for i, _ in part])
        return self._make(np.stack(made)) if len(made) else made, why

    def batches(self, batch_size):
        """Yield ``(slice, rows)`` in order."""
        again = isinstance(self.shelf, Spool) and len(self) and self._has(np.arange(len(self)))
        with Progress(len(self), self.desc or self.kind, 0 if again else self.verbose) as progress:
            if self._kept:
                yield from self._through_shelf(batch_size, progress)
                self.shelf.flush()
                return
            for where, rows in self.source.batches(batch_size):
                rows = self._make(rows)
                progress.update(len(rows))
                yield where, rows

    @property
    def _kept(self):
        return isinstance(self.shelf, Spool) or (
            self.shelf is not None and self.shelf.file.readable
        )

    def _has(self, index):
        return all(self.shelf.has_many(self.kind, self._addresses(index)))

    def _with(self, **changed):
        settings = {name: value for name, value in vars(self).items() if name != "_positions"}
        return Computed(**(settings | {"positions": self._positions} | changed))

    def _make(self, rows):
        made = rows if self.compute is None else self.compute(rows)
        if len(made) != len(rows):
            raise ValueError(f"{self.kind}: {len(made)} rows were computed for {len(rows)} images")
        return made

    def _addresses(self, index):
        """Where the shelf has rows: their keys in a store, their positions in a spool."""
        if not isinstance(self.shelf, Spool):
            return self.keys(index)
        positions = np.arange(len(self)) if self._positions is None else self._positions
        return positions[index].tolist()

    def _through_shelf(self, batch_size, progress):
        addresses, missing, computed = {}, set(), {}
        begin = 0

        def keep(index, rows):
            rows = self._make(rows)
            self.shelf.put_many(self.kind, [addresses[i] for i in index], rows)
            computed.update(zip(index, rows, strict=True))
            missing.difference_update(index)

        with closing(self._planned(batch_size)) as events:
            for event in events:
                if len(event) == 3:
                    window, found, absent = event
                    addresses.update(zip(window, found, strict=True))
                    missing.update(absent)
                else:
                    keep(*event)
                while begin < len(self):
                    index = range(begin, min(begin + batch_size, len(self)))
                    if index[-1] not in addresses or not missing.isdisjoint(index):
                        break
                    rest = [i for i in index if i not in computed]
                    kept = self.shelf.get_many(self.kind, [addresses[i] for i in rest])
                    kept = {i: row for i, row in zip(rest, kept, strict=True) if row is not None}
                    lost = [i for i in rest if i not in kept]
                    if lost:  # damaged or evicted since it was looked up
                        for where, rows in self.source.take(np.array(lost)).batches(batch_size):
                            keep(lost[where], rows)
                    rows = [kept[i] if i in kept else computed.pop(i) for i in index]
                    for i in index:
                        del addresses[i]
                    progress.update(len(rows), stored=len(kept))
                    begin = index.stop
                    yield slice(index.start, index.stop), np.stack(rows)

    def _planned(self, batch_size):
        """Run `_plan` in a thread of its own."""
        with closing(self._plan(batch_size)) as plan:
            events = prefetch(lambda _: next(plan, _END), repeat(None), ahead=AHEAD)
            with closing(events):
                yield from iter(partial(next, events), _END)

    def _plan(self, batch_size):
        """Yield what to do: ``(window, addresses, missing)``, then ``(index, source's rows)``."""
        pending = []
        step = WINDOW * batch_size
        for begin in range(0, len(self), step):
            window = range(begin, min(begin + step, len(self)))
            addresses = self._addresses(slice(window.start, window.stop))
            known = self.shelf.has_many(self.kind, addresses)
            missing = [i for i, is_known in zip(window, known, strict=True) if not is_known]
            yield window, addresses, missing
            n_carried = len(pending)
            pending += missing
            n_now = len(pending) // batch_size * batch_size
            if window.stop == len(self) or n_now < n_carried:
                n_now = len(pending)  # nobody waits longer than for one window
            now, pending = pending[:n_now], pending[n_now:]
            if now:
                for where, rows in self.source.take(np.array(now)).batches(batch_size):
                    yield now[where], rows
