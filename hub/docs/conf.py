"""Sphinx configuration of the documentation site: `uv run --group docs poe docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Boresight"
author = "The Boresight founders"
project_copyright = "2026, the Boresight founders"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "boresight_gallery",
    "boresight_reference",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# tables are included by the pages that explain them
exclude_patterns = ["_build", "**/*-table.md"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "Boresight"
html_show_sphinx = False
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
nitpicky = False
