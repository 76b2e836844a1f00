"""Every check has a page whose example fires, and whose cure does not."""

import re
from pathlib import Path

import pytest

from skcxr.inspection.checks import CHECKS, PAGES

FOLDER = Path(__file__).parents[2] / PAGES


def test_every_check_has_its_page():
    assert sorted(path.stem for path in FOLDER.glob("CXR*.md")) == sorted(CHECKS)
    index = (FOLDER / "index.md").read_text("utf-8")
    for code in CHECKS:
        assert f"[{code}]({code}.md)" in index
        assert f"\n{code}\n" in index  # in the table of contents


@pytest.mark.parametrize("code", CHECKS)
def test_a_page_is_titled_as_the_check_and_its_links_lead_somewhere(code):
    text = (FOLDER / f"{code}.md").read_text("utf-8")
    assert text.startswith(f"# {code}: {CHECKS[code][0]}\n")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (FOLDER / link).exists(), link


@pytest.mark.slow
@pytest.mark.parametrize("code", CHECKS)
def test_the_example_fires_and_the_cure_passes(code, capsys):
    text = (FOLDER / f"{code}.md").read_text("utf-8")
    found = {"__name__": code}
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S):
        exec(compile(block, f"{PAGES}/{code}.md", "exec"), found)
    status = {name: found[name].checks.table.loc[code, "status"] for name in ("faulty", "cured")}
    assert status == {"faulty": "fires", "cured": "passes"}
    assert found["faulty"].checks.table.loc[code, "detail"] in capsys.readouterr().out
