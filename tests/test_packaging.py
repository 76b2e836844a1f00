"""What is promised about installing and importing."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import skcxr

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {"torch", "cv2", "skimage", "skorch", "monai", "matplotlib", "pandas", "scipy", "sklearn"}


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout.split()


def test_importing_skcxr_imports_nothing_heavy():
    code = "import sys, skcxr; print(*{m.partition('.')[0] for m in sys.modules})"
    assert not HEAVY & set(run(code))


@pytest.mark.parametrize("part", ["datasets", "metrics", "inspection", "memory", "model_selection"])
def test_subpackages_do_not_import_torch(part):
    assert "torch" not in run(f"import sys, skcxr.{part}; print(*sys.modules)")


def test_every_public_name_is_there():
    for name in skcxr.__all__:
        found = getattr(skcxr, name)
        assert name.isupper() or found.__name__ == {"ResNetEmbedder": "CNNEmbedder"}.get(name, name)
    assert set(skcxr.__all__) <= set(dir(skcxr))
    with pytest.raises(AttributeError, match="no attribute 'make_hybrid'"):
        skcxr.make_hybrid  # noqa: B018


def test_the_version_is_the_same_everywhere():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), flags=re.M)[1]
    assert cited == skcxr.__version__
    assert f"## {cited}" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_hold_every_direct_dependency_within_its_bounds():
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *(text for extra in extras.values() for text in extra)]:
        requirement = Requirement(text)
        if requirement.name != "skcxr":
            assert requirement.specifier.contains(pinned[requirement.name]), text


def test_the_lowest_versions_are_those_of_the_project():
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "lower_bounds.py"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    wanted = [Requirement(text) for text in PROJECT["dependencies"]]
    assert [line.partition("==")[0] for line in printed] == [one.name for one in wanted]
    for line, one in zip(printed, wanted, strict=True):
        lowest = line.partition("==")[2]
        assert one.specifier.contains(lowest)
        assert one.name == "torch" or str(one.specifier) == f">={lowest}"


def private_names(path):
    """Names below scikit-learn's public ones that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("sklearn.") and "._" in name)


def test_private_names_of_scikit_learn_are_imported_in_one_file():
    found = {path.name: list(private_names(path)) for path in (ROOT / "skcxr").rglob("*.py")}
    assert found.pop("_sklearn.py")
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.slow
def test_c11_subpackages_are_attributes():
    names = [path.parent.name for path in (ROOT / "skcxr").glob("[a-z]*/__init__.py")]
    names += [path.stem for path in (ROOT / "skcxr").glob("[a-z]*.py")]
    code = f"import skcxr; print(*(getattr(skcxr, n).__name__ for n in {names}))"
    assert run(code) == [f"skcxr.{name}" for name in names]
    assert set(names) <= set(dir(skcxr))


def test_ci_runs_the_readme_test_command():
    blocks = re.findall(r"^```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    (command,) = [block for block in blocks if "pytest" in block]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_command_leads_to_a_function():
    module, _, name = PROJECT["scripts"]["skcxr"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
