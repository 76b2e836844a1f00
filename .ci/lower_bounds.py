"""Print constraints that pin what skcxr requires to the lowest version that it accepts.

torch is left out: its oldest versions come with gigabytes of CUDA, and its build for the CPU is
there in few versions. It stays at the version of constraints.txt.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
AS_IN_CONSTRAINTS = ("torch",)

pinned = dict(re.findall(r"^([\w.-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), flags=re.M))
for requirement in PROJECT["dependencies"]:
    name, lowest = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement).groups()
    print(f"{name}=={pinned[name] if name in AS_IN_CONSTRAINTS else lowest}")
