"""How Sphinx builds these pages: `scripts/docs`, without a network, warnings as errors."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("_ext")))

project = "Tilewright"
author = "The Tilewright authors"
version = release = version_of("tilewright")

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "from_code"]
exclude_patterns = ["_ext", "_build"]
html_theme = "furo"
html_title = f"Tilewright {version}"
html_static_path = ["_static"]
html_css_files = ["tilewright.css"]
html_show_copyright = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings name parameters, fields and signals in single backticks.
default_role = "code"
smartquotes = False  # options begin with two hyphens
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
