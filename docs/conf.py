"""The site: ``python -m sphinx -W -b html docs docs/_build/html``; nothing is fetched."""

import os
import sys
from pathlib import Path

import skcxr

os.environ.setdefault("MPLBACKEND", "Agg")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "skcxr"
author = "The skcxr developers"
project_copyright = f"2025–2026, {author}, BSD-3-Clause"
version = release = skcxr.__version__

extensions = [
    "offline",  # first: what follows cannot reach the network
    "mathml",
    "reference",
    "sklearn_links",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
]
if any((HERE.parent / "examples").glob("GALLERY_HEADER.*")):
    extensions.append("sphinx_gallery.gen_gallery")
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "_static", "api/backreferences", "auto_examples/**.ipynb"]
default_role = "literal"  # a word in single backquotes is a name, as in scikit-learn
nitpicky = True  # a reference to a name of skcxr that is not there is an error
nitpick_ignore_regex = [
    # Other projects: there are no inventories without a network; see _ext/sklearn_links.py.
    ("py:.*", r"(joblib|matplotlib|numpy|pandas|scipy|skimage|sklearn|skorch|torch)\..*"),
]

# -- Markdown ---------------------------------------------------------------------------------
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# -- The reference ----------------------------------------------------------------------------
autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the pages list the methods, see _ext/reference.py
numpydoc_attributes_as_param_list = True
numpydoc_use_plots = False

# -- The gallery ------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    # Scripts for real films; and the quickstart, which trains for minutes, see start.md.
    "ignore_pattern": r"(^|/)((?!plot_)[^/]+|plot_quickstart)\.py$",
    "copyfile_regex": r".*/GALLERY_HEADER\.(rst|txt)",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("skcxr",),
    "reset_modules": ("matplotlib", "seaborn", "reference.link_boxes"),
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "min_reported_time": 1,
    "thumbnail_size": (400, 280),
}

# -- HTML -------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = f"skcxr {version}"
html_static_path = ["_static"]
html_css_files = ["skcxr.css"]
html_extra_path = ["llms.txt"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # summaries are fetched, which a file system does not allow
html_theme_options = {
    "logo": {"text": "skcxr"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "start": [], "cite": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
