"""Write docs/api.md from the packages' exports and the first lines of their docstrings."""

import importlib
import inspect
import re
import textwrap
from pathlib import Path

import skcxr

PAGE = Path(__file__).with_name("api.md")
PARTS = (
    "pipeline datasets preprocessing features segmentation attention classifiers model_selection "
    "metrics inspection persistence memory chunked"
).split()
CONSTANTS = {
    "BACKBONES": "Networks that `CNNEmbedder` knows by name, with what is known of their weights.",
    "CHESTXRAY14_LABELS": "The 14 labels of ChestX-ray14, in the order of columns.",
    "CHEST_WEIGHTS": "Published weights that were trained on chest X-rays, and how they are read.",
    "CHEXPERT_LABELS": "The observations of CheXpert and MIMIC-CXR-JPG, without No Finding.",
    "COMMON_LABEL_NAMES": "Names of findings in other data sets, to the spelling of ChestX-ray14.",
    "LABEL_ZONES": "Lung zones of the findings that have a place of their own.",
    "REPORT_TABLE_1": "Table 1 of Das 2025, its swapped columns put right.",
    "ZONES": "Names of the lung zones, in the order of `lung_zones`.",
}
HEAD = """\
# Public names

This page is written by `docs/make_api.py`. `help(name)` has parameters, shapes and references.
These names can be imported from `skcxr` itself, all others from their subpackage:
"""


def public_names(module):
    """Names that a module exports; what it defines itself where it says nothing."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, found in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(found) or inspect.isclass(found))
        and found.__module__ == module.__name__
    )


def summary(module, name):
    """The first line of a docstring; constants have none, see `CONSTANTS`."""
    found = getattr(module, name)
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        text = CONSTANTS[name]
    elif found.__name__ != name:
        text = f"Another name of `{found.__name__}`."
    else:
        text = inspect.getdoc(found).split("\n\n")[0]
    text = re.sub(r" \[\d+\]_", "", text)
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text.replace("\n", " "))
    return text.replace("``", "`").replace("|", "\\|")


def page():
    """The text of docs/api.md."""
    names = ", ".join(f"`{name}`" for name in skcxr.__all__)
    text = [HEAD, textwrap.fill(names, 100, break_on_hyphens=False) + ".\n"]
    for part in PARTS:
        module = importlib.import_module(f"skcxr.{part}")
        rows = [f"| `{name}` | {summary(module, name)} |" for name in public_names(module)]
        doc = inspect.getdoc(module).split("\n\n")[0].replace("\n", " ").replace("``", "`")
        text += [
            f"## `skcxr.{part}`\n",
            f"{doc}\n",
            "| name | what it is |\n|---|---|",
        ]
        text.append("\n".join(rows) + "\n")
    return "\n".join(text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
