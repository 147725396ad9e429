"""Sphinx reads this for the documentation site, which `make site` builds from Markdown (docs/make_site.py)."""

project = "personasync"
author = "The personasync authors"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "basic"
html_static_path = ["../../build/site-source/_static"]
html_css_files = ["design.css", "site.css"]
html_title = "personasync"
html_show_copyright = False
html_copy_source = False
html_sidebars = {"**": ["searchbox.html", "globaltoc.html"]}
html_domain_indices = False
html_use_index = False
pygments_style = "default"
highlight_language = "none"
