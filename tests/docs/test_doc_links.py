"""Boxes of estimators in a notebook link to the site, where there is one."""

import re
from pathlib import Path

import pytest
from public_estimators import public_estimators

from skcxr import CNNEmbedder, FineTuning

API = Path(__file__).parents[2] / "docs" / "api.md"


def test_without_a_site_there_is_no_link(monkeypatch):
    monkeypatch.delenv("SKCXR_DOCS_URL", raising=False)
    assert CNNEmbedder()._get_doc_link() == ""
    assert 'href=""' not in CNNEmbedder()._repr_html_()


def test_the_box_shows_the_link(monkeypatch):
    monkeypatch.setenv("SKCXR_DOCS_URL", "file:///site/")
    link = "file:///site/api/skcxr.features.CNNEmbedder.html"
    assert link in CNNEmbedder()._repr_html_()


ESTIMATORS = {**public_estimators(), "FineTuning": FineTuning}


@pytest.mark.parametrize("cls", ESTIMATORS.values(), ids=ESTIMATORS.keys())
def test_every_estimator_links_to_its_page_of_the_reference(cls, monkeypatch):
    monkeypatch.setenv("SKCXR_DOCS_URL", "..")
    page = re.fullmatch(r"\.\./api/(skcxr\.\w+)\.(\w+)\.html", cls._get_doc_link(cls.__new__(cls)))
    blocks = re.findall(r"^```\{names\} ([\w.]+)\n(.*?)^```", API.read_text("utf-8"), re.M | re.S)
    assert any(module == page[1] and page[2] in names.split() for module, names in blocks)
