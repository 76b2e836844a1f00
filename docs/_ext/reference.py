"""The reference: a page for each public name, and links to it wherever a page says the name.

``api.md`` groups the names in blocks ``{names} skcxr.features``; each becomes a table of links, and
each name gets a page in ``api/`` from its docstring.
"""

import importlib
import inspect
import os
import re
from pathlib import Path

from constants import CONSTANTS
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

import skcxr

BLOCK = re.compile(r"^```\{names\} ([\w.]+)\n(.*?)^```", flags=re.M | re.S)
NAME = re.compile(r"(?:skcxr\.)?(?:\w+\.)?(\w+)(?:\(.*\))?")


def listed(page):
    """Public names of a page's blocks: name to the module that it is imported from."""
    found = {}
    for module, names in BLOCK.findall(Path(page).read_text(encoding="utf-8")):
        found |= dict.fromkeys(names.split(), module)
    return found


def summary(module, name):
    """The first paragraph of what is said of a name, with the markup of Markdown."""
    found = getattr(importlib.import_module(module), name)
    if name in CONSTANTS:
        text = CONSTANTS[name][0]
    elif found.__name__ != name:
        text = f"Another name of `{found.__name__}`."
    else:
        text = inspect.getdoc(found).split("\n\n")[0]
    text = re.sub(r" \[\d+\]_", "", text.replace("\n", " "))
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`").replace("|", "\\|")


def methods(cls):
    """Public methods and properties that skcxr defines, in the order of their definition."""
    found = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] == "skcxr":
            found |= {
                name: None
                for name, member in vars(base).items()
                if not name.startswith("_")
                and not re.fullmatch(r"set_\w+_request", name)  # written by scikit-learn
                and (inspect.isroutine(member) or isinstance(member, property))
            }
    return list(found)


def page(module, name):
    """The source of a name's page."""
    head = [name, "=" * len(name), "", f".. currentmodule:: {module}", ""]
    if name in skcxr.__all__:
        head += [f"Also as ``skcxr.{name}``.", ""]
    found = getattr(importlib.import_module(module), name)
    if name in CONSTANTS:
        text, example = CONSTANTS[name]
        body = [f".. data:: {name}", "", f"   {text}", "", "   .. rubric:: Examples", ""]
        body += [f"   {line}" for line in example.strip().splitlines()]
    elif found.__name__ != name:
        body = [f".. class:: {name}", "", f"   Another name of :class:`{found.__name__}`."]
    elif inspect.isclass(found):
        body = [f".. autoclass:: {name}"]
        if members := methods(found):
            body.append(f"   :members: {', '.join(members)}")
    else:
        body = [f".. autofunction:: {name}"]
    seen_as = [f"{module}.{name}"] + ([f"skcxr.{name}"] if name in skcxr.__all__ else [])
    gallery = ["", f".. minigallery:: {' '.join(seen_as)}", "   :add-heading: In the gallery", ""]
    return "\n".join(head + body + gallery) + "\n"


def write_pages(app):
    """Write ``api/``; a page that says the same is left as it is, so that it is not read again."""
    folder = Path(app.srcdir, "api")
    folder.mkdir(exist_ok=True)
    app.env.public_names = listed(Path(app.srcdir, "api.md"))
    wanted = {f"{module}.{name}.rst": (module, name) for name, module in _names(app).items()}
    for old in folder.glob("*.rst"):
        if old.name not in wanted:
            old.unlink()
    for file, (module, name) in wanted.items():
        text = page(module, name)
        if not (folder / file).exists() or (folder / file).read_text(encoding="utf-8") != text:
            (folder / file).write_text(text, encoding="utf-8")


def _names(app):
    return app.env.public_names


class Names(SphinxDirective):
    """A table of public names of one module, each with what it is, and their pages."""

    has_content = True
    required_arguments = 1

    def run(self):
        """Write the table in Markdown and read it."""
        module = self.arguments[0]
        names = " ".join(self.content).split()
        rows = [f"| {{py:obj}}`{n} <{module}.{n}>` | {summary(module, n)} |" for n in names]
        pages = [f"api/{module}.{name}" for name in names]
        text = [
            *("| name | what it is |", "|---|---|", *rows, ""),
            *("```{toctree}", ":hidden:", *self._caption(module), "", *pages, "```"),
        ]
        container = nodes.container(classes=["public-names"])
        self.state.nested_parse(StringList(text, self.env.docname), 0, container)
        return container.children

    def _caption(self, module):
        """The module's name above its pages in the sidebar, once."""
        seen = self.env.temp_data.setdefault("captioned", set())
        first = module not in seen
        seen.add(module)
        return [f":caption: {module}"] if first else []


class LinkNames(SphinxTransform):
    """In pages of text, a public name in backquotes becomes a link to its page."""

    default_priority = 400

    def apply(self):
        """Put references around the literals."""
        if self.env.docname.startswith(("api", "auto_examples")):
            return
        for literal in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(literal.astext())
            module = match and self.env.public_names.get(match[1])
            if not module or isinstance(literal.parent, nodes.reference | pending_xref):
                continue
            link = pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=f"{module}.{match[1]}",
                refdoc=self.env.docname,
                refexplicit=True,
                refwarn=True,
            )
            literal.replace_self(link)
            link += literal


def resolve_top_level(app, env, node, content):
    """``skcxr.name`` is documented as ``skcxr.module.name``."""
    name = node.get("reftarget", "").rpartition(".")[2]
    module = env.public_names.get(name)
    if node.get("reftarget") != f"skcxr.{name}" or module is None:
        return None
    python = env.get_domain("py")
    target = f"{module}.{name}"
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, content)


def link_boxes(gallery_conf, path):
    """Let the boxes of estimators in an example of the gallery lead to the reference."""
    path = Path(path)
    depth = len(path.parts) - path.parts.index("examples") - 1 if "examples" in path.parts else 1
    os.environ["SKCXR_DOCS_URL"] = "/".join([".."] * depth)


def setup(app):
    """Write the pages before the sources are collected."""
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("missing-reference", resolve_top_level)
    app.add_directive("names", Names)
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
