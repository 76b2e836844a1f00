"""An experiment in one call: its numbers are those of the parts, and its page stands alone."""

import base64
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from stub_models import NAMES, Reader, make_films

from skcxr.inspection import _gallery, evaluate
from skcxr.inspection._gallery import KINDS, gallery
from skcxr.inspection._page import _films
from skcxr.metrics import localization_report, multilabel_report
from skcxr.model_selection import MultilabelStratifiedGroupKFold

EVIL = "<script>alert('x')</script>"


def boxes_of(names):
    rows = [(name, NAMES[i % 2], 128.0 * (i % 6), 256, 256, 256) for i, name in enumerate(names)]
    return pd.DataFrame(rows, columns=["image", "label", "x", "y", "w", "h"])


@pytest.fixture(scope="module")
def made():
    films, y = make_films()
    names = [f"film {i}.png" for i in range(len(films))]
    y = pd.DataFrame(y, names, NAMES)
    groups = np.arange(len(films)) // 2
    metadata = pd.DataFrame(
        {"age": np.arange(80) % 60 + 20, "view": ["AP", "PA"] * 40, "sex": ["F", None] * 40}
    )
    models = {"good": Reader(), EVIL: Reader(skill=0, point=(2, 2))}
    found = evaluate(
        models, films, y, groups=groups, cv=4, boxes=boxes_of(names[::4]), metadata=metadata,
        names=names, n_bootstraps=30,
    )  # fmt: skip
    return found, films, y, groups


def test_scores_are_those_of_out_of_fold_predictions(made):
    found, films, y, groups = made
    cv = MultilabelStratifiedGroupKFold(4, shuffle=True, random_state=0)
    proba = pd.DataFrame(np.nan, y.index, NAMES)
    for _, test in cv.split(films, y, groups):
        proba.iloc[test] = Reader().fit(films, y).predict_proba(films[test])
    expected = multilabel_report(y, proba, groups=groups, n_bootstraps=0)
    report = found.metrics.reports["good"]
    pd.testing.assert_series_equal(report.overall["value"], expected.overall["value"])
    run = found.predictions["good"]
    pd.testing.assert_frame_equal(run.proba.loc[y.index], proba)
    assert found.best == "good"
    assert "CXR001 passes" in repr(found)


def test_maps_are_scored_by_film_whatever_the_folds(made):
    found, films, y, groups = made
    names = list(y.index)
    rows = np.arange(0, 80, 4)
    maps = Reader().fit(films, y).attention_maps(films[rows], NAMES, (224, 224))
    expected = localization_report(
        maps.cam, boxes_of(names[::4]), images=[names[i] for i in rows], label_names=NAMES,
        groups=groups[rows], n_bootstraps=0, random_state=0,
    )  # fmt: skip
    report = found.localization["good, Grad-CAM"]
    mine = report.per_box["map"].sort_index()
    pd.testing.assert_frame_equal(mine, expected.per_box["map"].sort_index())
    assert set(found.localization) == {
        f"{name}, {kind}" for name in ("good", EVIL) for kind in ("Grad-CAM", "fused")
    }


def test_data_and_models(made):
    found, *_ = made
    data = found.data
    assert data.loc[("films", ""), "all films"] == "80"
    assert data.loc[("patients", ""), "all films"] == "40"
    assert data.loc[("view", "AP"), "all films"] == "40 (50.0%)"
    assert data.loc[("sex", "unknown"), "all films"] == "40 (50.0%)"
    assert [c for c in data if c.startswith("fold")] == [f"fold {i}" for i in range(4)]
    assert found.models.loc["good", "thresholds"] == "0.5 to 0.5"


def test_predictions_go_in_as_they_are(made):
    found, films, y, groups = made
    run = found.predictions["good"]
    order = np.random.RandomState(0).permutation(80)
    given = SimpleNamespace(
        y=y.iloc[order],
        proba=run.proba.loc[y.index].iloc[order][NAMES[::-1]],
        decisions=run.decisions.loc[y.index].iloc[order][NAMES[::-1]],
        groups=groups[order],
        fold=np.zeros(80),
    )
    again = evaluate({"given": given}, films, y, groups=groups, n_bootstraps=0)
    mine = again.metrics.reports["given"].overall["value"]
    pd.testing.assert_series_equal(mine, found.metrics.reports["good"].overall["value"])
    assert again.models.loc["given", "estimator"] == "predictions"
    given.proba = given.proba.iloc[1:]
    with pytest.raises(ValueError, match="lack 1 of the films"):
        evaluate({"given": given}, films, y, n_bootstraps=0)


def test_a_table_without_boxes_or_with_those_of_other_films(made):
    _, films, y, groups = made
    for boxes in (boxes_of([]), boxes_of(["another film.png"])):
        found = evaluate(Reader(), films, y, groups=groups, cv=2, boxes=boxes, n_bootstraps=0)
        assert found.localization == {}
        assert found.checks.table.loc["CXR009", "status"] == "not applicable"


def test_what_does_not_fit_is_said(made):
    _, films, y, _ = made
    net = Reader().fit(films, y)
    with pytest.raises(ValueError, match="X holds 79 films and y 80"):
        evaluate(net, films[1:], y)
    with pytest.raises(ValueError, match="baseline must be one of"):
        evaluate(net, films, y, baseline="plain")
    with pytest.raises(ValueError, match="at least one model"):
        evaluate({}, films, y)
    with pytest.raises(ValueError, match="cv scores a film twice"):
        evaluate(Reader(), films, y, cv=[(np.arange(40), np.arange(40, 80))] * 2)
    with pytest.raises(ValueError, match="metadata holds 3 rows"):
        evaluate(net, films, y, metadata=pd.DataFrame({"age": [1, 2, 3]}))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.alts, self.links, self.ids, self.open = [], [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        self.sources += [attrs[a] for a in ("src", "data", "action") if a in attrs]
        self.alts += [attrs.get("alt", "")] if tag == "img" else []
        self.links += [attrs["href"]] if "href" in attrs else []
        self.ids += [attrs["id"]] if "id" in attrs else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    return made[0].to_html(path, title=EVIL).read_text(encoding="utf-8")


def test_page_stands_alone_and_is_escaped(text):
    page = Page(text)
    assert not page.open
    assert page.tags.count("script") == 1
    assert not {"link", "iframe", "object"} & set(page.tags)
    assert "http://" not in text
    assert "https://" not in text
    for source in page.sources:
        kind, _, content = source.partition(",")
        assert kind in {"data:image/png;base64", "data:image/jpeg;base64"}
        assert base64.b64decode(content)[:3] in {b"\x89PN", b"\xff\xd8\xff"}
    assert all(page.alts)
    assert all(link[1:] in page.ids for link in page.links)
    assert "true-positive" not in page.ids
    assert "True positives" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_page_names_no_film_unless_asked(made, text):
    assert ".png" not in text
    assert "film 4" in _films(made[0], names=True)


def test_gallery_has_the_surest_of_each_kind(made):
    found = made[0]
    run = found.predictions["good"]
    pictures = gallery(found.experiment, run, most=1)
    assert [p.kind for p in pictures if p.label == "Mass"] == list(KINDS)
    by_kind = {p.kind: p for p in pictures if p.label == "Mass"}
    none = by_kind["true negative"]
    assert run.y["Mass"].iloc[none.row] == 0
    certain = run.proba["Mass"][(run.y["Mass"] == 0) & ~run.decisions["Mass"]]
    assert none.probability == certain.min()
    wrong = run.proba["Mass"][(run.y["Mass"] == 0) & run.decisions["Mass"]]
    assert by_kind["false positive"].probability == wrong.max()


def test_films_are_those_of_the_best_model_that_has_maps(made):
    found = made[0]
    runs = found.experiment.runs
    blind = replace(runs["good"], fitted=[])
    experiment = replace(found.experiment, runs={**runs, "good": blind})
    assert "Of &lt;script&gt;" in _films(replace(found, experiment=experiment), names=False)
    none = {name: blind for name in runs}
    experiment = replace(found.experiment, runs=none)
    assert _films(replace(found, experiment=experiment), names=False) == ""


def test_gallery_of_many_films_stays_small(made, monkeypatch):
    monkeypatch.setattr(_gallery, "_MOST", 9)
    found = made[0]
    pictures = gallery(found.experiment, found.predictions["good"], most=3)
    counts = pd.Series([(p.label, p.kind) for p in pictures]).value_counts()
    assert counts.tolist() == [2] + [1] * 7  # the surest of all before another second


def test_frames_are_what_was_scored(made):
    found = made[0]
    frames = found.frames()
    scores = frames["scores"].set_index("model")
    assert scores.loc["good", "Macro AUC"] == found.metrics.table.loc["good", "Macro AUC"]
    assert scores.loc["good", "Macro AUC low"] <= scores.loc["good", "Macro AUC high"]
    proba = frames["predictions"].query("model == 'good'").set_index("image")[NAMES]
    pd.testing.assert_frame_equal(proba, found.predictions["good"].proba.rename_axis("image"))
    assert frames["per_label"].groupby("model").size().tolist() == [2, 2]
    assert frames["checks"]["code"].tolist() == list(found.checks.table.index)
    assert found.models.loc["good", "peak memory (MB)"] > 10


def test_results_show_themselves_in_notebooks(made):
    text = made[0]._repr_html_()
    assert "<h3>good, Grad-CAM</h3>" in text
    assert "docs/checks/CXR012.md" in text
    assert "<script>alert" not in text


def test_films_can_be_left_out(made, tmp_path):
    found = replace(made[0], localization={})
    bare = found.to_html(tmp_path / "bare.html", images=False).read_text(encoding="utf-8")
    assert "image/jpeg" not in bare
    assert "True positives" not in bare
    assert "Maps against boxes" not in bare


_DOM = """
function Cell(text) { this.textContent = text; this.attributes = {}; }
Cell.prototype.getAttribute = function (n) { return this.attributes[n] || null; };
Cell.prototype.setAttribute = function (n, v) { this.attributes[n] = v; };
Cell.prototype.removeAttribute = function (n) { delete this.attributes[n]; };
var heads = [new Cell("label"), new Cell("AUC")];
var body = { rows: [["b", "0.70 (0.60)"], ["a", "\\u2013"], ["c", "0.9 (0.8)"], ["d", "0.10"]].map(
  function (cells) { return { cells: cells.map(function (t) { return new Cell(t); }) }; }) };
body.appendChild = function (r) { body.rows.splice(body.rows.indexOf(r), 1); body.rows.push(r); };
var table = { tBodies: [body] };
var row = { children: heads, closest: function () { return table; } };
var clicks = heads.map(function (th) {
  th.parentNode = row;
  var button = { parentNode: th, addEventListener: function (_, f) { button.click = f; } };
  return button;
});
var document = { querySelectorAll: function () { return clicks; } };
function order() { return body.rows.map(function (r) { return r.cells[0].textContent; }).join(""); }
"""


def test_tables_sort_by_number_with_unknown_last(text):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the script that sorts tables cannot be run")
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    calls = """
    clicks[1].click(); console.log(order(), heads[1].getAttribute("aria-sort"));
    clicks[1].click(); console.log(order(), heads[1].getAttribute("aria-sort"));
    clicks[0].click(); console.log(order(), heads[1].getAttribute("aria-sort"));
    """
    done = subprocess.run(
        [node, "-e", _DOM + script + calls], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["cbda", "descending", "dbca", "ascending", "dcba", "null"]
