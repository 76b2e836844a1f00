"""Which findings are taken for which."""

import numpy as np
import pandas as pd
from scipy import sparse

from skcxr._multilabel._decisions import decide
from skcxr._multilabel._matching import names_of
from skcxr.inspection._drawing import one_axes
from skcxr.metrics._bootstrap import percentile_interval, resample
from skcxr.metrics._check import read_scored
from skcxr.metrics._few import MIN_UNITS

_NONE = "none of them"


class MultilabelConfusionDisplay:
    """Share of the films with one finding, and without another, in which the other is predicted.

    On the diagonal stands the sensitivity. The last row, of films without any finding, says how
    often each is predicted where nothing is: a finding is taken for another where its row is above
    that. Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    table : DataFrame
        Columns true, predicted, films, share, low, high.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes

    Examples
    --------
    >>> from skcxr.inspection import MultilabelConfusionDisplay
    >>> display = MultilabelConfusionDisplay.from_predictions(
    ...     [[1, 0], [1, 0], [0, 1], [0, 0]], [[0.9, 0.1], [0.2, 0.7], [0.1, 0.8], [0.3, 0.1]],
    ...     label_names=["Mass", "Nodule"], n_bootstraps=0,
    ... )
    >>> display.matrix().loc["Mass"].tolist()
    [0.5, 0.5]
    """

    def __init__(self, table):
        self.table = table

    def plot(self, ax=None, *, cmap="cividis"):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            A new figure when None.
        cmap : str, default="cividis"
            Colours of the shares.

        Returns
        -------
        MultilabelConfusionDisplay
        """
        matrix = self.matrix()
        k = len(matrix.columns)
        self.figure_, self.ax_ = one_axes(ax, (2.6 + 0.46 * k, 1.9 + 0.4 * k))
        values = matrix.to_numpy()
        top = max(np.nanmax(values, initial=0), 1e-9)
        image = self.ax_.imshow(values, cmap=cmap, vmin=0, vmax=top)
        for i, j in np.ndindex(values.shape):
            text = "–" if np.isnan(values[i, j]) else f"{values[i, j]:.2f}".removeprefix("0")
            dark = not values[i, j] >= 0.5 * top
            weight = "bold" if i == j else "normal"
            self.ax_.text(j, i, text, ha="center", va="center", fontsize=7, weight=weight,
                          color="white" if dark else "black")  # fmt: skip
        films = self.table.groupby("true", sort=False)["films"].max()
        rows = [f"{name} ({films[name]})" for name in matrix.index]
        self.ax_.axhline(k - 0.5, color="white", linewidth=2)
        self.ax_.set_xticks(
            range(k), matrix.columns, rotation=55, ha="right", rotation_mode="anchor"
        )
        self.ax_.set_yticks(range(k + 1), rows)
        self.ax_.tick_params(labelsize=8)
        self.ax_.set_xlabel("predicted", fontsize=9)
        self.ax_.set_ylabel("on the film (films)", fontsize=9)
        bar = self.figure_.colorbar(image, ax=self.ax_, fraction=0.04, pad=0.02)
        bar.set_label("share of the row's films", fontsize=8)
        bar.ax.tick_params(labelsize=8)
        return self

    def matrix(self):
        """Return the shares, a row for each finding and for films without any.

        Returns
        -------
        DataFrame of shape (k + 1, k)
        """
        wide = self.table.pivot_table("share", "true", "predicted", sort=False, dropna=False)
        order = list(dict.fromkeys(self.table["true"]))
        return wide.reindex(index=order, columns=order[:-1])

    def frame(self):
        """Return the shares with their intervals.

        Returns
        -------
        DataFrame
            Columns true, predicted, films, share, low, high.
        """
        return self.table.copy()

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_prob=None,
        *,
        y_pred=None,
        thresholds=None,
        label_names=None,
        groups=None,
        n_bootstraps=200,
        confidence_level=0.95,
        random_state=0,
        ax=None,
        cmap="cividis",
    ):
        """Draw the decisions of a model.

        Parameters
        ----------
        y_true, y_prob, y_pred, thresholds, label_names
            As in :func:`~skcxr.metrics.multilabel_report`. Films whose labels are not known do not
            count where these are needed.
        groups : array-like of shape (n,), default=None
            Patients, resampled whole.
        n_bootstraps : int, default=200
            Resamples for the intervals; 0 for none, as where there are fewer than five patients.
        confidence_level : float, default=0.95
            Of the percentile intervals.
        random_state : int, RandomState or None, default=0
            Draws the resamples.
        ax, cmap
            See :meth:`plot`.

        Returns
        -------
        MultilabelConfusionDisplay
        """
        scored = read_scored(
            y_true, y_prob, y_pred=y_pred, thresholds=thresholds, groups=groups,
            label_names=label_names,
        )  # fmt: skip
        k = len(scored.names)
        present = np.column_stack([scored.y == 1, (scored.y == 0).all(axis=1)])
        may = np.repeat((scored.y == 0)[:, None], k + 1, axis=1)
        may[:, range(k), range(k)] = True
        counts = present[:, :, None] & may  # (n, k + 1, k): the film counts in this cell
        cells = np.stack([counts, counts & scored.pred[:, None]]).reshape(2, len(counts), -1)
        ones = np.ones(len(counts)), (scored.unit, np.arange(len(counts)))
        of_unit = sparse.csr_array(ones, shape=(scored.n_units, len(counts)))
        sums = np.stack([(of_unit @ part.astype(np.float64)).T for part in cells])
        sums = sums.reshape(2, k + 1, k, scored.n_units)

        def share(weights):
            total, predicted = sums @ weights
            with np.errstate(invalid="ignore"):
                return {"share": predicted / total}

        point, drawn = resample(share, scored.n_units, n_bootstraps, random_state)
        low, high = percentile_interval(drawn["share"], confidence_level)
        few = (sums[0] > 0).sum(axis=-1) < MIN_UNITS
        low[few] = high[few] = np.nan
        rows = pd.MultiIndex.from_product(
            [[*scored.names, _NONE], scored.names], names=["true", "predicted"]
        )
        table = pd.DataFrame(
            {
                "films": counts.sum(axis=0).ravel(),
                "share": point["share"].ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
            },
            index=rows,
        )
        return cls(table.reset_index()).plot(ax, cmap=cmap)

    @classmethod
    def from_estimator(cls, estimator, X, y, **kwargs):
        """Draw the decisions of a fitted model.

        Parameters
        ----------
        estimator : fitted estimator
            With ``predict_proba``; it decides by its thresholds, or else by its ``predict``.
        X, y
            Images and labels.
        **kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        MultilabelConfusionDisplay
        """
        found = decide(estimator, X, names_of(y))
        index = y.index if hasattr(y, "columns") else None
        proba, decisions = (
            pd.DataFrame(part, index, found.label_names) for part in (found.proba, found.decisions)
        )
        if kwargs.get("thresholds") is None:
            kwargs.setdefault("y_pred", decisions)
        return cls.from_predictions(y, proba, **kwargs)
