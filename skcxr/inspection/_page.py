"""An evaluation as one HTML page, without network or foreign script."""

import html
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from skcxr.inspection._gallery import KINDS, gallery, has_maps
from skcxr.inspection._page_parts import cards, chart, escape, film, folded, table
from skcxr.inspection._page_style import SCRIPT, STYLE
from skcxr.inspection.html import CAVEATS, _versions

_SIGNS = {"fires": "\u2717", "passes": "\u2713"}
_SHARED = ["images", "positives", "patients", "positive patients"]


def write_page(evaluation, path, *, title, images, names):
    """Write an Evaluation to one HTML file.

    Parameters
    ----------
    evaluation : Evaluation
    path : str or path-like
    title : str
    images, names : bool
        Whether films, and their names, are in it.

    Returns
    -------
    Path
    """
    sections = {
        "Checks": _checks(evaluation.checks),
        "Scores": _scores(evaluation),
        "Findings": _findings(evaluation),
        "Curves": _curves(evaluation),
    }
    if evaluation.localization:
        sections["Maps against boxes"] = _localization(evaluation)
    if images and (films := _films(evaluation, names)):
        sections["Films"] = films
    sections |= {
        "Data": _data(evaluation),
        "Models": _models(evaluation),
        "Caveats": "<ul>" + "".join(f"<li>{escape(c)}</li>" for c in CAVEATS) + "</ul>",
        "Versions": table(pd.Series(_versions(), name="version").to_frame(), "Versions"),
    }
    anchors = {heading: heading.lower().replace(" ", "-") for heading in sections}
    links = "".join(f'<a href="#{at}">{heading}</a>' for heading, at in anchors.items())
    body = "".join(
        f'<section id="{anchors[heading]}"><h2>{heading}</h2>{part}</section>\n'
        for heading, part in sections.items()
    )
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">Skip to the content</a>\n<header><h1>{escape(title)}</h1>\n'
        f'{_summary(evaluation)}</header>\n<nav aria-label="Sections" tabindex="0">{links}</nav>\n'
        f'<main id="main">\n{body}</main>\n<footer class="quiet">Written {now}. A research result, '
        f"not for diagnosis.</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
    path = Path(path)
    path.write_text(page, encoding="utf-8")
    return path


def _summary(evaluation):
    experiment, fired = evaluation.experiment, evaluation.checks.fired
    best = evaluation.metrics.intervals.loc[evaluation.best, "Macro AUC"]
    interval = "" if np.isnan(best["low"]) else f" ({best['low']:.3f}\u2013{best['high']:.3f})"
    facts = {"Films scored": f"{len(experiment.scored):,}"}
    if experiment.groups is not None:
        facts["Patients"] = f"{len(np.unique(experiment.groups[experiment.scored])):,}"
    facts |= {
        "Findings": experiment.y.shape[1],
        "Models": len(experiment.runs),
        "Highest Macro AUC": (f"{best['value']:.3f}", f"{evaluation.best}{interval}"),
        "Checks that fire": (len(fired), ", ".join(fired) or "none"),
    }
    return cards(facts)


def _checks(checks):
    """Those that fire first; those that could not be run behind a heading."""
    parts = {"fires": [], "passes": [], "other": []}
    for code, row in checks.table.iterrows():
        kind = row["status"] if row["status"] in _SIGNS else "other"
        more = f' <span class="quiet">See {escape(row["page"])}.</span>' if kind == "fires" else ""
        sign = f"{_SIGNS[kind]} " if kind in _SIGNS else ""
        parts[kind].append(
            f'<li class="{kind}"><code>{code}</code><b>{sign}{escape(row["status"])}</b>'
            f'<span class="what">{escape(row["title"])}</span>'
            f'<span class="said">{escape(row["detail"])}{more}</span></li>'
        )
    ran = parts["fires"] + parts["passes"]
    out = f'<ul class="checks">{"".join(ran)}</ul>' if ran else ""
    if parts["other"]:
        rest = f'<ul class="checks">{"".join(parts["other"])}</ul>'
        out += folded(f"{len(parts['other'])} not applicable or muted", rest)
    return out


def _scores(evaluation):
    from skcxr.inspection import ModelComparisonDisplay
    from skcxr.metrics._tables import interval_frame

    metrics = evaluation.metrics
    parts = [table(interval_frame(metrics.intervals), "Scores of the models", sorts=True)]
    parts.append(
        chart(
            ModelComparisonDisplay.from_comparison(metrics),
            "Scores of the models with their intervals",
        )
    )
    report = next(iter(metrics.reports.values()))
    if len(metrics.reports) > 1 and len(report.resamples):
        pairs = metrics.pairwise()
        pairs.index = pd.Index([f"{a} \u2212 {b}" for a, b in pairs.index], name="Macro AUC of")
        parts += [
            "<h3>Pairs of models on the same patients</h3>",
            table(pairs, "Pairs", sorts=True),
        ]
    return "".join(parts)


def _findings(evaluation):
    from skcxr.inspection import LabelAUCDisplay, MultilabelConfusionDisplay

    run = evaluation.experiment.runs[evaluation.best]
    others = [name for name in evaluation.metrics.reports if name != evaluation.best]
    confusion = MultilabelConfusionDisplay.from_predictions(
        run.y, run.proba, y_pred=run.decisions, groups=run.groups, n_bootstraps=0
    )
    return "".join(
        [
            f"<p>Of {escape(evaluation.best)}. The button in a heading sorts.</p>",
            _of_model(evaluation, evaluation.best),
            *(folded(f"The same of {name}", _of_model(evaluation, name)) for name in others),
            chart(LabelAUCDisplay.from_reports(evaluation.metrics), "AUC of each finding"),
            "<h3>Which findings are taken for which</h3>",
            f"<p>Of {escape(evaluation.best)}.</p>",
            chart(confusion, "Films with one finding in which another is predicted", colors=True),
        ]
    )


def _of_model(evaluation, name):
    """Tables of a model: scores of each finding, and what its decisions are worth."""
    _, per_label, points = evaluation.metrics.reports[name]._formatted()
    points = points.drop(columns=[c for c in _SHARED if c in points])
    used = evaluation.experiment.runs[name].thresholds
    low, high = used.min(), used.max()
    points["threshold"] = [
        low[j] if low[j] == high[j] or np.isnan(low[j]) else f"{low[j]:.3f}\u2013{high[j]:.3f}"
        for j in points.index
    ]
    return table(per_label, f"Scores of {name} by finding", sorts=True) + table(
        points, f"Decisions of {name} by finding", sorts=True
    )


def _curves(evaluation):
    from skcxr.inspection import (
        MultilabelPrecisionRecallDisplay,
        MultilabelRocDisplay,
        ReliabilityDisplay,
    )

    runs = evaluation.experiment.runs
    first = next(iter(runs.values()))
    proba = {name: run.proba for name, run in runs.items()}
    parts = []
    for display, heading in (
        (MultilabelRocDisplay, "ROC curves"),
        (MultilabelPrecisionRecallDisplay, "Precision and recall"),
        (ReliabilityDisplay, "Are probabilities frequencies?"),
    ):
        drawn = display.from_predictions(first.y, proba, groups=first.groups, n_bootstraps=100)
        parts += [f"<h3>{heading}</h3>", chart(drawn, heading)]
    return "".join(parts)


def _localization(evaluation):
    from skcxr.inspection import LocalizationDisplay

    display = LocalizationDisplay.from_reports(evaluation.localization)
    parts = [chart(display, "Maps against boxes, with controls")]
    for name, report in evaluation.localization.items():
        values, gaps = report._formatted()
        gaps = gaps if hasattr(gaps, "columns") else gaps.to_frame()
        tables = table(values, f"{name}: maps and controls") + table(gaps, f"{name}: differences")
        parts.append(folded(f"{name}: maps and controls in numbers", tables))
    return "".join(parts)


def _films(evaluation, names):
    order = evaluation.metrics.table["Macro AUC"].sort_values(ascending=False).index
    with_maps = (name for name in order if has_maps(evaluation.experiment.runs[name]))
    shown = next(with_maps, None)
    if shown is None:
        return ""
    pictures = gallery(evaluation.experiment, evaluation.experiment.runs[shown])
    known = [evaluation.experiment.names[i] for i in evaluation.experiment.scored]
    parts = [
        f"<p>Of {escape(shown)}: the films of each kind that it was surest of, under "
        'their Grad-CAM maps, from none <span class="ramp" role="img" aria-label="dark to light">'
        "</span> to the map's maximum. Pointed at or focused, a picture shows the film alone.</p>"
    ]
    for kind in KINDS:
        of_kind = [picture for picture in pictures if picture.kind == kind]
        figures = "".join(film(p, known[p.row] if names else None) for p in of_kind)
        if figures:
            parts.append(f'<h3>{kind.capitalize()}s</h3><div class="films">{figures}</div>')
    return "".join(parts)


def _data(evaluation):
    from skcxr.inspection import LabelDistributionDisplay

    frame = evaluation.data.reset_index()
    frame.index = [f"{a}: {b}" if b else a for a, b in frame.iloc[:, :2].to_numpy()]
    drawn = LabelDistributionDisplay.from_labels(evaluation.experiment.y)
    return table(frame.iloc[:, 2:], "Who is in the data") + chart(
        drawn, "How often each finding occurs, and with which others", colors=True
    )


def _models(evaluation):
    facts = evaluation.models.drop(columns="estimator").astype(object)
    facts = facts.map(lambda value: f"{value:,.1f}" if isinstance(value, float) else value)
    settings = "".join(
        folded(f"Settings of {name}", f"<pre>{escape(text)}</pre>")
        for name, text in evaluation.models["estimator"].items()
    )
    return table(facts.T.rename_axis(None), "Models") + settings
