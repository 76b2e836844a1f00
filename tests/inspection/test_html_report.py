"""One file, nothing loaded from elsewhere, nothing of the outside unescaped."""

import base64
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import sklearn

from skcxr.inspection import LabelAUCDisplay, write_html_report
from skcxr.metrics import (
    auc_within,
    compare_models,
    localization_report,
    multilabel_report,
    segmentation_report,
)

EVIL = "<script>alert('x')</script>"


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.alts, self.text, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in {"meta", "img", "!doctype"}:
            self.open.append(tag)
        self.sources += [attrs[a] for a in ("src", "href", "data", "action") if a in attrs]
        self.alts += [attrs["alt"]] if "alt" in attrs else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    y = pd.DataFrame(rng.randint(2, size=(40, 2)), columns=[EVIL, "Mass"])
    return y, rng.uniform(size=y.shape)


def test_everything_goes_in_and_is_escaped(tmp_path, data):
    y, prob = data
    kwargs = {"n_bootstraps": 5, "random_state": 0}
    comparison = compare_models({EVIL: prob, "other": prob}, None, y, **kwargs)
    boxes = pd.DataFrame(
        [(0, EVIL, 0, 0, 512, 512)], columns=["image", "label", "x", "y", "w", "h"]
    )
    masks = np.ones((2, 8, 8))
    sections = {
        EVIL: [comparison, multilabel_report(y, prob, **kwargs), EVIL],
        "Figure": LabelAUCDisplay.from_reports(comparison),
        "Test": comparison.paired_test(EVIL, "other", n_bootstraps=5),
        "Within": auc_within(y, prob, np.arange(40) % 2, **kwargs),
        "Boxes": localization_report(np.ones((2, 8, 8)), boxes, **kwargs),
        "Masks": segmentation_report(masks, masks, **kwargs),
        "Frame": pd.DataFrame({EVIL: [EVIL]}),
    }
    path = write_html_report(
        tmp_path / "report.html", sections, title=EVIL, split={EVIL: EVIL}, caveats=[EVIL]
    )
    page = Reader(path.read_text(encoding="utf-8"))
    assert not page.open
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert page.tags.count("img") == 1
    for source in page.sources:
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert page.alts == ["Figure"]
    text = "".join(page.text)
    assert text.count(EVIL) >= 9
    assert f"{comparison.table.loc['other', 'Macro AUC']:.3f}" in text
    assert sklearn.__version__ in text


def test_caveats_by_default(tmp_path):
    page = write_html_report(str(tmp_path / "r.html"), {"Note": "One.\n\nTwo."}).read_text()
    assert "not a medical device" in page
    assert "<p>One.</p>\n<p>Two.</p>" in page


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(TypeError, match="Section 'Odd' holds a set; accepted are"):
        write_html_report(tmp_path / "r.html", {"Odd": {1, 2}})
    with pytest.raises(TypeError, match="dict"):
        write_html_report(tmp_path / "r.html", ["text"])
    assert not (tmp_path / "r.html").exists()


@pytest.mark.slow
def test_matplotlib_is_imported_when_a_figure_is_drawn():
    code = (
        "import sys, skcxr.inspection as i; [getattr(i, n) for n in i.__all__];"
        "print('matplotlib' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
