"""The sources of the site: that nothing is missing, and that a build cannot reach the network."""

import doctest
import importlib
import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import skcxr

DOCS = Path(__file__).parents[2] / "docs"
GENERATED = {"_build", "api", "auto_examples"}
SOURCES = sorted(
    path.relative_to(DOCS)
    for path in DOCS.rglob("*.md")
    if not GENERATED & set(path.relative_to(DOCS).parts)
)


@pytest.fixture
def extension(monkeypatch):
    """An extension of the site by name."""
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))

    def load(name):
        if name != "offline":
            pytest.importorskip("sphinx", reason="comes with skcxr[docs]")
        module = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name)
        return module

    return load


def public_names():
    """Name to the subpackages that export it."""
    found = {}
    for part in sorted(set(dir(skcxr)) - set(skcxr.__all__)):
        module = getattr(skcxr, part, None)
        if not part.startswith("_") and hasattr(module, "__path__"):
            for name in getattr(module, "__all__", ()):
                found.setdefault(name, set()).add(module.__name__)
    return found


def test_every_public_name_has_a_page_of_the_reference():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\{names\} ([\w.]+)\n(.*?)^```", text, flags=re.M | re.S)
    listed = [(name, module) for module, names in blocks for name in names.split()]
    names = [name for name, _ in listed]
    assert len(names) == len(set(names))
    assert set(skcxr.__all__) <= set(names)
    for name, modules in public_names().items():
        assert dict(listed).get(name) in modules, f"{name} of {modules} is not in docs/api.md"
    for name, module in listed:
        assert hasattr(importlib.import_module(module), name)


def test_names_without_a_docstring_have_an_example_that_runs(extension):
    constants = extension("constants").CONSTANTS
    for name, (text, example) in constants.items():
        assert text.endswith(".")
        test = doctest.DocTestParser().get_doctest(example, {}, name, "constants.py", 0)
        report = []
        assert doctest.DocTestRunner().run(test, out=report.append).attempted
        assert not report, "".join(report)


def test_methods_of_a_page_are_those_that_skcxr_defines(extension):
    reference = extension("reference")
    found = reference.methods(skcxr.CNNEmbedder)
    assert {"fit", "transform", "fit_transform", "get_feature_names_out"} <= set(found)
    assert not {"get_params", "set_fit_request"} & set(found)
    page = reference.page("skcxr.features", "ResNetEmbedder")
    assert "Another name of :class:`CNNEmbedder`" in page


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("localhost", 80), True),
        (("::1", 80, 0, 0), True),
        ("/run/a.socket", True),
        (("192.0.2.1", 80), False),
        (("pypi.org", 443), False),
        (("2001:db8::1", 80, 0, 0), False),
    ],
)
def test_what_is_local(extension, address, local):
    assert extension("offline").is_local(address) is local


def test_a_build_reaches_no_other_machine(extension, monkeypatch):
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, getattr(socket.socket, name))
    extension("offline").refuse_network()
    with socket.socket() as client, pytest.raises(RuntimeError, match="built without a network"):
        client.connect(("192.0.2.1", 80))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())


def test_formulas_become_mathml(extension):
    pytest.importorskip("latex2mathml", reason="comes with skcxr[docs]")
    nodes = importlib.import_module("docutils.nodes")
    writer = SimpleNamespace(body=[])
    with pytest.raises(nodes.SkipNode):
        extension("mathml").visit_block(writer, nodes.math_block(text=r"\frac{a}{b}"))
    (text,) = writer.body
    assert "<mfrac>" in text
    assert "script" not in text


def test_pages_that_llms_txt_names_are_there():
    text = (DOCS / "llms.txt").read_text(encoding="utf-8")
    pages = re.findall(r"\]\((.+?)\.html\)", text)
    assert len(pages) > 15
    generated = {"auto_examples/index"}
    assert not [p for p in pages if p not in generated and not (DOCS / f"{p}.md").is_file()]


def test_every_page_is_in_a_table_of_contents():
    listed = {"index"}
    for path in SOURCES:
        text = (DOCS / path).read_text(encoding="utf-8")
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", text, flags=re.M | re.S):
            for line in block.splitlines():
                entry = re.sub(r".*<(.+)>", r"\1", line.strip())
                if entry and not entry.startswith(":"):
                    base = path.parent
                    matches = [p.relative_to(DOCS) for p in (DOCS / base).glob(f"{entry}.md")]
                    listed |= {p.with_suffix("").as_posix() for p in matches}
    missing = {path.with_suffix("").as_posix() for path in SOURCES} - listed
    assert not missing


TASKS = {
    "own CSV": "own_table",
    "bad files": "films",
    "λ grid": "ablations",
    "thresholds at 95 % sensitivity": "thresholds",
    "where did the network look": "attention",
    "save and load": "sharing",
    "use on a cluster": "large",
    "cite": "cite",
    "what is the report": "report",
}


@pytest.mark.parametrize("page", TASKS.values(), ids=TASKS.keys())
def test_what_newcomers_want_is_one_click_from_the_start(page):
    assert f"({page}.md" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere():
    """No script, style, font or image with an address in what the site adds to its theme."""
    for path in (DOCS / "_static").glob("*"):
        assert "://" not in path.read_text(encoding="utf-8"), path.name
    for path in SOURCES:
        assert not re.search(r"!\[[^]]*\]\(http", (DOCS / path).read_text(encoding="utf-8")), path
