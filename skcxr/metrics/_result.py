"""How every result of ``skcxr.metrics`` prints itself: text, Markdown, HTML, CSV."""

import html
from pathlib import Path

from skcxr.metrics._tables import markdown_table


class Result:
    """A result that is made of tables.

    A class has ``_tables(digits)``, the tables as text or numbers, and ``frame()``; it may have
    ``_head()``, one line above them, and ``notes``, sentences below them.
    """

    notes = ()

    def _head(self):
        return ""

    def to_markdown(self, digits=3):
        """Return the tables as Markdown.

        Parameters
        ----------
        digits : int, default=3
            Decimals of the numbers.

        Returns
        -------
        str
        """
        tables = [markdown_table(table, digits) for table in self._tables(digits)]
        return "\n\n".join([*tables, *self.notes])

    def to_csv(self, path):
        """Write :meth:`frame` to a CSV file, numbers unrounded.

        Parameters
        ----------
        path : str or path-like
            The file, replaced if it exists.

        Returns
        -------
        Path
            The file.
        """
        path = Path(path)
        self.frame().to_csv(path, index=False)
        return path

    def __repr__(self):
        tables = [table.round(3).to_string(na_rep="\u2013") for table in self._tables(3)]
        head = [self._head()] if self._head() else []
        return "\n".join([*head, "\n\n".join(tables), *self.notes])

    def _repr_html_(self):
        parts = [f"<p>{html.escape(self._head())}</p>"] if self._head() else []
        parts += [table.round(3).to_html(border=0, na_rep="\u2013") for table in self._tables(3)]
        parts += [f"<p>{html.escape(note)}</p>" for note in self.notes]
        return "\n".join(parts)


def percent(level):
    """``"95 %"`` of 0.95, ``"97.5 %"`` of 0.975."""
    return f"{100 * level:g} %"


def values_of(table, *, ends=("", " low", " high")):
    """Yield ``(row, metric, value, low, high)`` of a table with columns AUC, AUC low, AUC high."""
    metrics = [c for c in table if f"{c}{ends[1]}" in table]
    for row, values in table.iterrows():
        for metric in metrics:
            yield row, metric, *(values[f"{metric}{end}"] for end in ends)


def interval_columns(table):
    """Return the columns AUC, AUC low, AUC high as one level of pairs for ``interval_frame``."""
    import pandas as pd

    metrics = [c for c in table if f"{c} low" in table]
    parts = {
        m: table[[m, f"{m} low", f"{m} high"]].set_axis(["value", "low", "high"], axis=1)
        for m in metrics
    }
    return pd.concat(parts, axis=1)
