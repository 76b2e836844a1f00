"""Findings of a film as sentences, from templates."""

import numpy as np

from skcxr.segmentation import ZONES

#: Lowest probability of each wording.
WORDS = ((0.8, "very likely"), (0.5, "likely"), (0.2, "possible"), (0.05, "unlikely"))

CAVEAT = (
    "This text was written by research software from fixed templates; it is not a medical report "
    "and not for diagnosis."
)
_SPREAD = 0.25  # of the map, below which no zone stands out


def film_text(name, rows, similar=None):
    """Write a paragraph on one film.

    Parameters
    ----------
    name : object
        Name of the film.
    rows : DataFrame
        Its rows of ``Explanation.table``.
    similar : DataFrame or None
        Labels of the most similar films, a row each.

    Returns
    -------
    str
    """
    lines = [f"Film {name}."]
    if rows["probability"].isna().all():
        lines += [f"{_label(row)}: {_where(row)}" for _, row in rows.iterrows()]
        return " ".join([*lines, *_similar(similar), CAVEAT])
    found = rows[rows["positive"]].sort_values("probability", ascending=False)
    for _, row in found.iterrows():
        words = wording(row["probability"])
        words += ", but" if "unlikely" in words else " and"
        lines.append(
            f"{_label(row)}: {words} above its threshold (probability "
            f"{_number(row['probability'])}, threshold {_number(row['threshold'])}); {_where(row)}"
        )
    rest = rows[~rows["positive"]]
    if len(rest):
        listed = ", ".join(f"{_label(r)} ({_number(r['probability'])})" for _, r in rest.iterrows())
        lines.append(f"{'Not' if len(found) else 'No finding is'} above the threshold: {listed}.")
    return " ".join([*lines, *_similar(similar), CAVEAT])


def _similar(similar):
    """Say what the most similar films have."""
    if similar is None:
        return []
    counts = (similar == 1).sum().sort_values(ascending=False, kind="stable")
    found = [f"{label.replace('_', ' ')} ({n})" for label, n in counts.items() if n]
    one = len(similar) == 1
    films = "most similar film" if one else f"{len(similar)} most similar films"
    have = f"{'has' if one else 'have'} {', '.join(found) or 'none of these findings'}"
    return [f"The {films} of the reference {have}."]


def wording(probability):
    """Return the words for a probability, such as ``"possible"``."""
    return next((words for least, words in WORDS if probability >= least), "very unlikely")


def _label(row):
    return str(row["label"]).replace("_", " ")


def _number(value):
    return f"{value:.2f}" if value >= 0.01 else f"{value:.2g}"


def _where(row):
    """Say in which zone the evidence lies."""
    if not row["evidence"]:
        return "the network shows no positive evidence for it anywhere on the film."
    shares = row[list(ZONES)].to_numpy(dtype=float)
    if np.isnan(shares).any():
        return f"no zone is named, as the lung mask cannot be relied on ({row['mask']})."
    share = f"{shares.max():.0%} of the map"
    mostly = "mostly" if shares.max() >= 0.5 else "most of all"
    zone = row["zone"]
    if zone == "outside":
        return (
            f"the evidence lies {mostly} outside lungs and heart ({share}), where none should be."
        )
    if shares.max() < _SPREAD:
        sides = {side: sum(s for z, s in zip(ZONES, shares, strict=True) if z.startswith(side))
                 for side in ("right", "left")}  # fmt: skip
        side = max(sides, key=sides.get)
        return f"the evidence is spread over several zones, {sides[side]:.0%} in the {side} lung."
    place = "over the heart" if zone == "heart" else f"in the {zone} zone"
    return f"the evidence lies {mostly} {place} ({share})."
