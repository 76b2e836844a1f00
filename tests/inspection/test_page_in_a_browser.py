"""The page of an evaluation as a browser shows it: nothing fails, fits, sorts, prints."""

import numpy as np
import pandas as pd
import pytest
from headless import browser
from stub_models import NAMES, Reader, make_films

from skcxr.inspection import evaluate

pytestmark = pytest.mark.slow
TAB, ENTER = ("Tab", 9), ("Enter", 13, "\r")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    films, y = make_films()
    names = [f"{i:08d}_000.png" for i in range(80)]
    rows = [(name, NAMES[i % 2], 128.0 * (i % 6), 256, 256, 256) for i, name in enumerate(names)]
    long = "a model whose name is rather long, too long for a telephone"
    found = evaluate(
        {"good": Reader(), long: Reader(0)}, films,
        pd.DataFrame(y, names, NAMES), groups=np.arange(80) // 2, cv=2, n_bootstraps=10,
        boxes=pd.DataFrame(rows, columns=["image", "label", "x", "y", "w", "h"]),
        metadata=pd.DataFrame({"age": np.arange(80), "view": ["AP", "PA"] * 40}), names=names,
    )  # fmt: skip
    return found.to_html(tmp_path_factory.mktemp("page") / "page.html", title="A page")


@pytest.fixture(scope="module")
def page(path, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.resize(1400)
        page.open(path)
        yield page


@pytest.fixture
def fresh(page, path):
    """The page just opened, wide and light."""
    page.resize(1400)
    page.media()
    page.open(path)
    return page


def test_nothing_fails_and_every_image_loads(fresh):
    assert fresh.run("document.images.length") > 20
    assert fresh.run(
        "Promise.all(Array.from(document.images, i => i.decode().then(() => i.naturalWidth)))"
        ".then(widths => Math.min(...widths))"
    )
    assert fresh.run("performance.getEntriesByType('resource').every(r => /^data:/.test(r.name))")
    assert fresh.errors == []


@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_reaches_over_the_side(fresh, width):
    fresh.resize(width, mobile=width < 500)
    fresh.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert fresh.run("innerWidth") == width
    assert fresh.run("document.documentElement.scrollWidth") == width
    outside = fresh.run(
        """Array.from(document.querySelectorAll('main *')).filter(e =>
            !e.closest('.scroll, .chart') && e.getBoundingClientRect().right > innerWidth
        ).map(e => e.tagName)"""
    )
    assert outside == []


FIRST_COLUMN = """
Array.from(document.querySelector('#scores table').tBodies[0].rows, r => r.cells[0].textContent)
"""


def test_a_table_sorts_by_the_keyboard(fresh):
    before = fresh.run(FIRST_COLUMN)
    assert before[0] == "good"
    fresh.run("document.querySelectorAll('#scores table.sorts th button')[4].focus()")
    fresh.press(*ENTER)
    assert fresh.run(FIRST_COLUMN) == before  # the best first
    fresh.press(*ENTER)
    assert fresh.run(FIRST_COLUMN) == before[::-1]
    heads = "document.querySelectorAll('#scores table.sorts th')"
    assert fresh.run(f"{heads}[4].getAttribute('aria-sort')") == "ascending"


def test_the_keyboard_reaches_what_can_be_done(fresh):
    fresh.press(*TAB)
    assert fresh.run("document.activeElement.className") == "skip"
    fresh.press(*ENTER)
    assert fresh.run("location.hash") == "#main"
    reached = fresh.run(
        """Array.from(document.querySelectorAll('th button, summary, .films figure, .scroll'))
            .filter(e => e.tabIndex < 0).length"""
    )
    assert reached == 0
    film = "document.querySelector('.films figure')"
    shown = f"getComputedStyle({film}.querySelector('.alone')).display"
    assert fresh.run(shown) == "none"
    fresh.run(f"{film}.focus()")
    assert fresh.run(shown) == "block"


CONTRAST = """
(function () {
  function parts(color) { return color.match(/[\\d.]+/g).map(Number); }
  function light(rgb) {
    var c = rgb.slice(0, 3).map(v => v / 255).map(
      v => v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  }
  function behind(e) {
    for (; e; e = e.parentElement) {
      var rgb = parts(getComputedStyle(e).backgroundColor);
      if (rgb.length === 3 || rgb[3] > 0) { return rgb; }
    }
    return [255, 255, 255];
  }
  var texts = Array.from(document.querySelectorAll('body *')).filter(e =>
    !/SCRIPT|STYLE/.test(e.tagName) &&
    Array.from(e.childNodes).some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...texts.map(function (e) {
    var a = light(parts(getComputedStyle(e).color)), b = light(behind(e));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(fresh, scheme):
    fresh.media(scheme=scheme)
    paper = fresh.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert fresh.run(CONTRAST) >= 4.5  # WCAG 2.2, AA


def test_it_prints_light_and_whole(fresh):
    fresh.media("print", "dark")
    assert fresh.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert fresh.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    fresh.media()
    assert fresh.pdf().startswith(b"%PDF")


def test_a_screenshot_shows_something(fresh):
    import cv2

    image = cv2.imdecode(np.frombuffer(fresh.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image.shape[1] == 1400
    assert len(np.unique(image)) > 100
