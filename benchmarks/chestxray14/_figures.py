"""A figure of each table: paired differences, λ, and what thresholds and calibration do."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

BLUE, ORANGE, GREY = "#3366aa", "#cc6622", "#888888"


def draw(table, scores, path):
    """Draw the figure of a table.

    Parameters
    ----------
    table : Table
    scores : DataFrame
    path : Path
    """
    tuned = "Micro-F1 tuned" in scores
    fig, axes = plt.subplots(
        1, 2 + tuned, figsize=(4.2 * (2 + tuned), 1.6 + 0.34 * len(scores)), sharey=True
    )
    place = np.arange(len(scores))[::-1]
    _intervals(axes[0], scores, "Macro AUC", place, BLUE, "macro AUC")
    if "AUC within source" in scores:
        _intervals(axes[0], scores, "AUC within source", place - 0.25, GREY, "within source")
    _legend(axes[0])
    axes[0].set_xlabel("macro AUC, 95 % of patients' resamples")
    axes[0].set_yticks(place, scores.index, fontsize=8)
    _intervals(axes[1], scores, "Macro AUC gain", place, BLUE, "")
    axes[1].axvline(0, color="black", lw=0.5)
    axes[1].set_xlabel(f"paired difference from {table.reference}")
    if tuned:
        _thresholds(axes[2], scores, place)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="x", lw=0.3)
    fig.suptitle(table.title, fontsize=10)
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    plt.close(fig)


def _legend(ax):
    """Above the axes, where no point is."""
    ax.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2, frameon=False)


def _intervals(ax, scores, name, place, color, label):
    value = scores[name].to_numpy(dtype=float)
    ax.plot(value, place, "o", color=color, ms=4, label=label)
    if f"{name} low" in scores:
        ends = scores[[f"{name} low", f"{name} high"]].to_numpy(dtype=float).T
        ax.hlines(place, *ends, color=color, lw=1.2)


def _thresholds(ax, scores, place):
    """F1 at the model's own thresholds and at tuned ones."""
    for name, color, shift in (("Micro-F1", BLUE, 0.0), ("Macro-F1", ORANGE, -0.25)):
        before, after = scores[f"{name} own"], scores[f"{name} tuned"]
        ax.hlines(place + shift, before, after, color=color, lw=1)
        ax.plot(before, place + shift, "o", mfc="white", color=color, ms=4)
        ax.plot(after, place + shift, "o", color=color, ms=4, label=name)
    _legend(ax)
    ax.set_xlabel("F1 at own thresholds (open), tuned (full)")
