"""Scores of a table as Markdown, short enough to read."""

import pandas as pd


def interval(row, name, signed=False):
    """A value with its interval, or a dash."""
    value = row.get(name)
    if value is None or pd.isna(value):
        return "–"
    form = "+.3f" if signed else ".3f"
    low, high = row.get(f"{name} low"), row.get(f"{name} high")
    if low is None or pd.isna(low):
        return f"{value:{form}}"
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def change(row, before, after):
    """What thresholds or a calibration make of a figure."""
    if before not in row:
        return "–"
    return f"{row[before]:.3f}" + (f" → {row[after]:.3f}" if after in row else "")


def as_markdown(name, table, scores, n_bootstraps):
    """A heading and a table.

    Parameters
    ----------
    name : str
        Of the CSV.
    table : Table
    scores : DataFrame
    n_bootstraps : int

    Returns
    -------
    str
    """
    columns = {
        "model": lambda model, row: f"`{model}`",
        "macro AUC": lambda _, row: interval(row, "Macro AUC"),
        f"against `{table.reference}`": lambda model, row: (
            "" if model == table.reference else interval(row, "Macro AUC gain", True)
        ),
        "within source": lambda _, row: interval(row, "AUC within source"),
        "macro AP": lambda _, row: interval(row, "Macro AP").split(" ")[0],
        "Micro-F1, 0.5 → tuned": lambda _, row: change(row, "Micro-F1 own", "Micro-F1 tuned"),
        "Macro-F1": lambda _, row: change(row, "Macro-F1 own", "Macro-F1 tuned"),
        "ECE → calibrated": lambda _, row: change(row, "ECE", "ECE sigmoid"),
        "fit, s": lambda _, row: f"{row['fit_seconds']:.0f}",
        "GB": lambda _, row: f"{row['peak_gb']:.1f}",
    }
    films, folds = scores[["films", "folds"]].iloc[0]
    lines = [
        f"### {table.title}",
        "",
        f"`{name}.csv`: {films:.0f} films in {folds:.0f} test part{'s' * (folds > 1)}; "
        f"intervals of {n_bootstraps} resamples of patients.",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for model, row in scores.iterrows():
        lines.append(f"| {' | '.join(make(model, row) for make in columns.values())} |")
    return "\n".join(lines)
