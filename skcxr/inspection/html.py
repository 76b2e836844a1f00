"""An experiment in one HTML file: tables, figures, split, versions, caveats."""

import base64
import html
import io
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from skcxr._version import __version__

#: Caveats that every report carries unless others are given.
CAVEATS = (
    "A research result: not a medical device, and not for diagnosis.",
    "Labels of ChestX-ray14 were mined from reports by text processing and are noisy.",
    "Intervals say what another draw of these patients would give, not another hospital.",
    "An attention map shows where a network looked. It is no proof that a finding is there: "
    "compare it with its control.",
)

_PACKAGES = (
    "scikit-learn",
    "torch",
    "skorch",
    "monai",
    "numpy",
    "pandas",
    "opencv-python-headless",
)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
h1, h2 { line-height: 1.2; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .7rem; text-align: right;
         white-space: nowrap; }
th:first-child { text-align: left; }
footer { color: #555; font-size: 13px; margin-top: 3rem; }
"""


def _image(figure, alt):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    alt = html.escape(alt, quote=True)
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"></figure>'


def _table(frame):
    frame = frame.to_frame() if isinstance(frame, pd.Series) else frame
    text = frame.to_html(
        border=0, index_names=False, justify="unset", na_rep="", float_format=lambda v: f"{v:.3f}"
    )
    return f'<div class="table">{text}</div>'


def _block(content, heading):
    """HTML of one piece of content, everything from outside escaped."""
    from matplotlib.figure import Figure

    figure = content if isinstance(content, Figure) else getattr(content, "figure_", None)
    if figure is not None:
        return _image(figure, heading)
    if isinstance(content, (pd.DataFrame, pd.Series)):
        return _table(content)
    if isinstance(content, dict):
        return _table(pd.Series(content, name="", dtype=object))
    if isinstance(content, (list, tuple)):
        return "\n".join(_block(part, heading) for part in content)
    if isinstance(content, str):
        paragraphs = content.split("\n\n")
        return "\n".join(f"<p>{html.escape(p)}</p>" for p in paragraphs)
    if hasattr(content, "_repr_html_"):
        return f'<div class="table">{content._repr_html_()}</div>'
    raise TypeError(
        f"Section {heading!r} holds a {type(content).__name__}; accepted are text, DataFrames, "
        "dicts, figures, displays, reports of skcxr.metrics, and lists of these."
    )


def _versions():
    found = {"skcxr": __version__, "Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_html_report(path, sections, *, title="skcxr report", split=None, caveats=CAVEATS):
    """Write an experiment to one HTML file that needs nothing else.

    Figures are embedded; there is no script and nothing is loaded from elsewhere. All text is
    escaped. Figures of patients' images make the file as sensitive as the images.

    Parameters
    ----------
    path : str or path-like
        The file, replaced if it exists.
    sections : dict of {str: content}
        Heading to text, DataFrame, dict, matplotlib Figure, display, report of ``skcxr.metrics``,
        or a list of these.
    title : str, default="skcxr report"
        Title of the page.
    split : str, dict or DataFrame, default=None
        How the images were split: what was trained on and what was scored.
    caveats : sequence of str
        Listed at the end.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> from skcxr.inspection import write_html_report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_html_report(f"{folder}/report.html", {"Note": "One film was left out."})
    ...     print("One film was left out." in path.read_text())
    True
    """
    if not isinstance(sections, dict):
        raise TypeError("sections must be a dict of heading to content.")
    parts = dict(sections)
    if split is not None:
        parts["Split"] = split
    body = [f"<h1>{html.escape(title)}</h1>"]
    body += [f"<h2>{html.escape(str(h))}</h2>\n{_block(c, str(h))}" for h, c in parts.items()]
    if len(caveats):
        listed = "\n".join(f"<li>{html.escape(c)}</li>" for c in caveats)
        body.append(f"<h2>Caveats</h2>\n<ul>\n{listed}\n</ul>")
    body.append(f"<h2>Versions</h2>\n{_block(_versions(), 'Versions')}")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + f"\n<footer>Written {now}.</footer>\n</body>\n</html>\n"
    )
    path = Path(path)
    path.write_text(page, encoding="utf-8")
    return path
