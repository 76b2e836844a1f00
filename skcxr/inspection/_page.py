"""An evaluation as one HTML page, without network or foreign script."""

import html
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from skcxr.inspection._gallery import KINDS, gallery
from skcxr.inspection.html import CAVEATS, _image, _versions

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #ddd; --soft: #f4f5f7;
        --accent: #0b5cad; --bad: #a33; --good: #26734d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #15171a; --line: #3a3d42; --soft: #22252a; --accent: #7cb8f5;
          --bad: #ff9d8a; --good: #7fd6ab; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 0 auto; padding: 1rem;
       color: var(--ink); background: var(--paper); }
h1, h2, h3 { line-height: 1.2; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; border-bottom: 1px solid var(--line);
      padding-bottom: .6rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-size: 14px; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: right;
         vertical-align: top; }
th:first-child, td.text, th.text { text-align: left; }
th button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0;
            padding: 0; cursor: pointer; text-align: inherit; }
th button::after { content: " \\2195"; opacity: .45; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.fires { color: var(--bad); font-weight: 600; }
.passes { color: var(--good); }
.films { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .8rem; }
.films figure { margin: 0; background: var(--soft); border-radius: 6px; padding: .4rem; }
.films img { width: 100%; display: block; background: #000; }
.films .alone { display: none; }
.films figure:hover .alone, .films figure:focus .alone { display: block; }
.films figure:hover .over, .films figure:focus .over { display: none; }
figcaption { font-size: 13px; padding: .3rem .1rem 0; }
footer { font-size: 13px; margin-top: 2rem; border-top: 1px solid var(--line); padding-top: .6rem; }
@media print {
  nav, th button::after { display: none; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; } body { font-size: 11px; max-width: none; }
  table { font-size: 9px; }
}
"""

# A column is sorted by its numbers where every filled cell begins with one, else by its text.
_SCRIPT = """
document.querySelectorAll("table.sorts th button").forEach(function (button) {
  button.addEventListener("click", function () {
    var th = button.parentNode, row = th.parentNode, table = row.closest("table");
    var at = Array.prototype.indexOf.call(row.children, th);
    var up = th.getAttribute("aria-sort") === "descending";
    Array.prototype.forEach.call(row.children, function (other) {
      other.removeAttribute("aria-sort");
    });
    th.setAttribute("aria-sort", up ? "ascending" : "descending");
    var body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows);
    function text(r) { return r.cells[at].textContent.trim(); }
    var filled = rows.map(text).filter(function (t) { return t && t !== "\\u2013"; });
    var numbers = filled.every(function (t) { return !isNaN(parseFloat(t.replace(/,/g, ""))); });
    function key(r) {
      var t = text(r);
      if (!numbers) { return t.toLowerCase(); }
      var v = parseFloat(t.replace(/,/g, ""));
      return isNaN(v) ? null : v;
    }
    rows.sort(function (a, b) {
      var x = key(a), y = key(b);
      if (x === null || y === null) { return (x === null) - (y === null); }
      return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
    });
    rows.forEach(function (r) { body.appendChild(r); });
  });
});
"""


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
    if images:
        sections["Films"] = _films(evaluation, names)
    sections |= {
        "Data": _data(evaluation),
        "Models": _table(evaluation.models.T),
        "Caveats": "<ul>" + "".join(f"<li>{html.escape(c)}</li>" for c in CAVEATS) + "</ul>",
        "Versions": _table(pd.Series(_versions(), name="version").to_frame()),
    }
    if not sections.get("Films", "films"):
        del sections["Films"]
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
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n{_summary(evaluation)}\n"
        f'<nav aria-label="Sections">{links}</nav>\n<main>\n{body}</main>\n'
        f"<footer>Written {now}.</footer>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )
    path = Path(path)
    path.write_text(page, encoding="utf-8")
    return path


def _summary(evaluation):
    best = evaluation.best
    row = evaluation.metrics.intervals.loc[best, "Macro AUC"]
    scored = evaluation.experiment.scored
    fired = evaluation.checks.fired
    text = (
        f"{len(scored):,} films scored. Highest Macro AUC: {best}, {row['value']:.3f} "
        f"({row['low']:.3f}–{row['high']:.3f}). "
        f"{len(fired)} checks fire{': ' + ', '.join(fired) if fired else ''}."
    )
    return f"<p>{html.escape(text)}</p>"


def _table(frame, text=(), sorts=False):
    """A table with every cell escaped; of columns in `text` the cells are to the left."""
    head = [str(frame.index.name or ""), *map(str, frame.columns)]
    cells = []
    for name in head:
        kind = ' class="text"' if name in text else ""
        label = html.escape(name)
        label = f'<button type="button">{label or "&nbsp;"}</button>' if sorts else label
        cells.append(f'<th scope="col"{kind}>{label}</th>')
    rows = []
    for index, row in zip(frame.index, frame.astype(object).to_numpy().tolist(), strict=True):
        filled = [
            f"<td{' class=text' if name in text else ''}>{html.escape(_write(value))}</td>"
            for name, value in zip(head[1:], row, strict=True)
        ]
        rows.append(f'<tr><th scope="row">{html.escape(str(index))}</th>{"".join(filled)}</tr>')
    kind = ' class="sorts"' if sorts else ""
    return (
        f'<div class="scroll" tabindex="0"><table{kind}><thead><tr>{"".join(cells)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _write(value):
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _checks(checks):
    rows = "".join(
        f'<tr><th scope="row">{code}</th><td class="text {row["status"].split()[0]}">'
        f'{html.escape(row["status"])}</td><td class="text">{html.escape(row["title"])}</td>'
        f'<td class="text">{html.escape(row["detail"])}</td></tr>'
        for code, row in checks.table.iterrows()
    )
    heads = "".join(f'<th scope="col" class="text">{name}</th>' for name in
                    ("code", "status", "what", "detail"))  # fmt: skip
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _scores(evaluation):
    from skcxr.inspection import ModelComparisonDisplay
    from skcxr.metrics._tables import interval_frame

    table = interval_frame(evaluation.metrics.intervals)
    figure = ModelComparisonDisplay.from_comparison(evaluation.metrics)
    parts = [_table(table, sorts=True), _draw(figure, "Scores of the models with their intervals")]
    report = next(iter(evaluation.metrics.reports.values()))
    if len(evaluation.metrics.reports) > 1 and len(report.resamples):
        parts.insert(1, _table(evaluation.metrics.pairwise()))
    return "".join(parts)


def _findings(evaluation):
    from skcxr.inspection import LabelAUCDisplay, MultilabelConfusionDisplay

    report = evaluation.metrics.reports[evaluation.best]
    _, per_label, points = report._formatted()
    run = evaluation.experiment.runs[evaluation.best]
    confusion = MultilabelConfusionDisplay.from_predictions(
        run.y, run.proba, y_pred=run.decisions, groups=run.groups, n_bootstraps=0
    )
    return (
        f"<p>Of {html.escape(evaluation.best)}; a click on a heading sorts.</p>"
        + _table(per_label, sorts=True)
        + _table(points, sorts=True)
        + _draw(LabelAUCDisplay.from_reports(evaluation.metrics), "AUC of each finding")
        + _draw(confusion, "Which findings are taken for which")
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
    for display, alt in (
        (MultilabelRocDisplay, "ROC curve of each finding"),
        (MultilabelPrecisionRecallDisplay, "Precision and recall of each finding"),
        (ReliabilityDisplay, "Share of positives against probability"),
    ):
        drawn = display.from_predictions(first.y, proba, groups=first.groups, n_bootstraps=100)
        parts.append(_draw(drawn, alt))
    return "".join(parts)


def _localization(evaluation):
    from skcxr.inspection import LocalizationDisplay

    display = LocalizationDisplay.from_reports(evaluation.localization)
    parts = [_draw(display, "Maps against boxes, with controls")]
    for name, report in evaluation.localization.items():
        values, gaps = report._formatted()
        parts += [f"<h3>{html.escape(name)}</h3>", _table(values), _table(gaps)]
    return "".join(parts)


def _films(evaluation, names):
    run = evaluation.experiment.runs[evaluation.best]
    pictures = gallery(evaluation.experiment, run)
    if not pictures:
        return ""
    known = [evaluation.experiment.names[i] for i in evaluation.experiment.scored]
    parts = [
        f"<p>Of {html.escape(evaluation.best)}, the surest of each kind with the Grad-CAM map over "
        "the film; pointed at or focused, a picture shows the film alone.</p>"
    ]
    for kind in KINDS:
        shown = [picture for picture in pictures if picture.kind == kind]
        figures = "".join(_figure(p, known[p.row] if names else None) for p in shown)
        if figures:
            parts.append(f'<h3>{kind.capitalize()}s</h3><div class="films">{figures}</div>')
    return "".join(parts)


def _figure(picture, name):
    said = f"{picture.label} {picture.probability:.2f}"
    said += "" if np.isnan(picture.threshold) else f" (threshold {picture.threshold:.2f})"
    said += ", no positive evidence" if picture.empty else ""
    alt = html.escape(f"{picture.kind}: {said}", quote=True)
    caption = html.escape(said if name is None else f"{said}, {name}")
    return (
        f'<figure tabindex="0"><img class="over" alt="{alt}" src="{picture.overlay}">'
        f'<img class="alone" alt="{alt}, the film alone" src="{picture.film}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _data(evaluation):
    from skcxr.inspection import LabelDistributionDisplay

    table = evaluation.data.reset_index()
    table.index = [f"{a} {b}".strip() for a, b in table.iloc[:, :2].to_numpy()]
    y = evaluation.experiment.y
    drawn = LabelDistributionDisplay.from_labels(y)
    return _table(table.iloc[:, 2:]) + _draw(drawn, "How often each finding occurs")


def _draw(display, alt):
    import matplotlib.pyplot as plt

    out = _image(display.figure_, alt)
    plt.close(display.figure_)
    return out
