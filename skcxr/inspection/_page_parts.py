"""Pieces of the page of an evaluation: tables, charts, pictures of films."""

import base64
import html
import io

import numpy as np
import pandas as pd

_DPI = 150  # of charts, which are shown at 100 pixels an inch
_WIDE = 700  # pixels, above which a chart is not shrunk to a phone's width
_UNKNOWN = "\u2013"


def escape(value):
    """Write a value as HTML, quotes included."""
    return html.escape(str(value), quote=True)


def table(frame, what, text=(), sorts=False):
    """Write a table with every cell escaped.

    Parameters
    ----------
    frame : DataFrame
    what : str
        What it shows, for those who do not see it.
    text : collection of str
        Columns whose cells are to the left and may break.
    sorts : bool
        Whether its headings are buttons that sort.

    Returns
    -------
    str
    """
    head = [str(frame.index.name or ""), *map(str, frame.columns)]
    cells = []
    for name in head:
        kind = ' class="text"' if name in text else ""
        label = escape(name)
        label = f'<button type="button">{label or "&nbsp;"}</button>' if sorts else label
        cells.append(f'<th scope="col"{kind}>{label}</th>')
    rows = []
    for index, row in zip(frame.index, frame.astype(object).to_numpy().tolist(), strict=True):
        filled = [
            f"<td{' class=text' if name in text else ''}>{escape(_write(value))}</td>"
            for name, value in zip(head[1:], row, strict=True)
        ]
        rows.append(f'<tr><th scope="row">{escape(index)}</th>{"".join(filled)}</tr>')
    kind = ' class="sorts"' if sorts else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(what)}">'
        f"<table{kind}><thead><tr>{''.join(cells)}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _write(value):
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return _UNKNOWN
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def chart(display, alt, colors=False):
    """Embed the figure of a display and close it; `colors` where these mean numbers."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure = display.figure_
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight")
    plt.close(figure)
    png = buffer.getvalue()
    width = int.from_bytes(png[16:20], "big") * 100 // _DPI
    data = base64.b64encode(png).decode("ascii")
    kind = f"chart {'colors' if colors else 'lines'}{' wide' if width > _WIDE else ''}"
    return (
        f'<figure class="{kind}" tabindex="0"><img alt="{escape(alt)}" width="{width}" '
        f'src="data:image/png;base64,{data}"></figure>'
    )


def film(picture, name):
    """Show a film of the gallery, with its name unless that is None."""
    said = f"probability {picture.probability:.2f}"
    said += "" if np.isnan(picture.threshold) else f", threshold {picture.threshold:.2f}"
    said += "; no positive evidence" if picture.empty else ""
    alt = escape(f"{picture.label}, {picture.kind}: {said}")
    label = escape(picture.label.replace("_", " "))
    caption = f"<b>{label}</b>{escape(said if name is None else f'{said}; {name}')}"
    return (
        f'<figure tabindex="0"><img class="over" alt="{alt}" src="{picture.overlay}">'
        f'<img class="alone" alt="{alt}, the film alone" src="{picture.film}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def cards(facts):
    """Write a few facts large: heading to text, or to text and a remark."""
    parts = []
    for heading, fact in facts.items():
        value, *remark = fact if isinstance(fact, tuple) else (fact,)
        small = f"<small>{escape(remark[0])}</small>" if remark else ""
        parts.append(f"<div><dt>{escape(heading)}</dt><dd>{escape(value)}{small}</dd></div>")
    return f'<dl class="cards">{"".join(parts)}</dl>'


def folded(heading, content):
    """Hide content behind its heading."""
    return f"<details><summary>{escape(heading)}</summary>{content}</details>"
