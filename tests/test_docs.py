"""What the documentation says is there, and runs."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from few_images import few_images

import skcxr

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Sources of the site; what a build writes beside them is not theirs.
SITE = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not {"_build", "api", "auto_examples"} & set(path.relative_to(DOCS).parts)
)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SITE]
# Interfaces that scikit-learn documents.
SKLEARN = {"get_metadata_routing", "get_n_splits", "get_params", "score", "set_params"}
MODULES = sorted(m.name for m in pkgutil.walk_packages(skcxr.__path__, "skcxr."))


def public_objects():
    """Every public name with where it is imported from."""
    found = {}
    for module in ["skcxr", *(m for m in MODULES if m.count(".") == 1 and "._" not in m)]:
        for name in getattr(importlib.import_module(module), "__all__", ()):
            found.setdefault(name, f"{module}.{name}")
    return found


PUBLIC = public_objects()


def load(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def documented(path):
    """The callables behind a public name: a function, or a class with its public methods."""
    found = load(path)
    if inspect.isfunction(found):
        yield path, found
    elif inspect.isclass(found):
        yield path, found
        for name, member in vars(found).items():
            member = getattr(member, "__func__", member)
            if not name.startswith("_") and inspect.isfunction(member):
                yield f"{path}.{name}", member


def sections(docstring):
    """Numpydoc sections: heading to text."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}$", inspect.cleandoc(docstring), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(section):
    """Names that a Parameters section describes."""
    entries = re.sub(r"\\\n\s*", " ", section)
    names = (line.split(" : ")[0] for line in entries.splitlines() if re.match(r"\S", line))
    return {name.strip().lstrip("*") for line in names for name in line.split(",")}


def returns_something(function):
    """Whether the function itself, not one inside it, returns or yields a value."""
    waiting = list(ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            return True
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
    return False


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_docstrings_are_complete(name):
    for path, found in documented(PUBLIC[name]):
        if path.rpartition(".")[2] in SKLEARN:
            continue
        assert found.__doc__, f"{path} has no docstring"
        has = sections(found.__doc__)
        if inspect.isclass(found) and hasattr(found, "__dataclass_fields__"):
            missing = {f for f in found.__dataclass_fields__ if not f.startswith("_")}
            missing -= described(has.get("Attributes", ""))
        else:
            signature = inspect.signature(found).parameters
            wanted = {n for n in signature if n not in ("self", "cls") and not n.startswith("_")}
            missing = wanted - described(has.get("Parameters", ""))
        assert not missing, f"{path} does not describe {sorted(missing)}"
        if inspect.isfunction(found) and returns_something(found):
            assert {"Returns", "Yields"} & set(has), f"{path} does not say what it returns"


CLASSES = sorted(name for name, path in PUBLIC.items() if inspect.isclass(load(path)))


@pytest.mark.parametrize("name", CLASSES)
def test_public_classes_have_an_example(name):
    """Their own, or that of the function whose result they are; results are shown by notebooks."""
    cls = load(PUBLIC[name])
    if maker := re.match(r"What :func:`[~.\w]*?(\w+)` (found|returns)", cls.__doc__):
        assert ">>> " in cls.__doc__ + load(PUBLIC[maker[1]]).__doc__
        assert callable(cls._repr_html_)
    else:
        assert ">>> " in cls.__doc__


FUNCTIONS = sorted(name for name, path in PUBLIC.items() if inspect.isfunction(load(path)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_have_an_example(name):
    assert ">>> " in load(PUBLIC[name]).__doc__


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ["skcxr", *MODULES]:
        source = Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8")
        if ">>>" in source:
            for test in finder.find(importlib.import_module(name)):
                if test.examples:
                    yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_examples_in_docstrings_run(test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def code_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def test_the_page_on_the_report_runs(capsys):
    (block,) = code_blocks(ROOT / "docs" / "report.md")
    exec(compile(block, "docs/report.md", "exec"), {})
    printed = capsys.readouterr().out
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    corrected = re.search(r"Put right it reads ([\d., ]+\d)", page)[1].split(", ")
    assert all(number in printed.splitlines()[-2] for number in corrected)


@few_images
def test_the_page_of_questions_runs():
    pytest.importorskip("captum", reason="comes with skcxr[explain]")
    (block,) = code_blocks(ROOT / "docs" / "faq.md")
    namespace = {}
    exec(compile(block, "docs/faq.md", "exec"), namespace)
    found = namespace["network"](namespace["x"]).detach().numpy()
    expected = namespace["embedder"].decision_function(namespace["phantoms"].images[:2])
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=0.01)
    assert namespace["maps"].shape == (2, 1, 64, 64)


# Pages that their own tests run and look at.
TESTED_ELSEWHERE = ("command_line", "faq", "own_table", "report")


def with_code():
    """Pages with blocks that run, but for those with a test of their own."""
    for page in SITE:
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        tested_elsewhere = name in TESTED_ELSEWHERE or name.startswith("checks/")
        if not tested_elsewhere and code_blocks(page):
            yield pytest.param(page, id=name)


@pytest.mark.slow
@few_images
@pytest.mark.parametrize("page", list(with_code()))
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    """One after another, in one namespace and an empty folder."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    if "dask" in page.read_text(encoding="utf-8"):
        pytest.importorskip("distributed", reason="comes with skcxr[distributed]")
    namespace = {}
    try:
        for block in code_blocks(page):
            exec(compile(block, str(page.relative_to(ROOT)), "exec"), namespace)
    finally:
        plt.close("all")


@pytest.mark.slow
@few_images
def test_the_readme_example_runs(tmp_path, monkeypatch):
    """As printed, but for the size of the images, with phantoms in the folder that it names."""
    from skcxr.datasets import make_chest_phantoms, write_chestxray14_layout

    monkeypatch.chdir(tmp_path)
    phantoms = make_chest_phantoms(60, size=64, random_state=0)
    write_chestxray14_layout(phantoms, "ChestXray-NIHCC", random_state=0)
    (block,) = code_blocks(ROOT / "README.md")
    assert "memory=" in block
    namespace = {}
    exec(compile(block.replace("memory=", "size=64, memory="), "README.md", "exec"), namespace)
    assert set(namespace["search"].best_params_) == {
        "features__attention__lam",
        "classify__module__dropout",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
