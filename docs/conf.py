"""How Sphinx builds the site: `nox -s docs`. Nothing in the built pages asks the network for anything."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generators import write_reference  # noqa: E402

import signvip  # noqa: E402
from signvip.dress import STYLESHEET  # noqa: E402

write_reference(HERE / "reference" / "generated")  # before Sphinx looks for pages

project = "SignViP"
author = "The SignViP developers"
project_copyright = "The SignViP developers, Apache-2.0"
version = release = signvip.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "generators"]
source_suffix = {".md": "markdown"}
default_role = "code"  # docstrings write `names` as Markdown does
smartquotes = False  # `--set` in prose stays what one types

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
highlight_language = "none"  # an indented block is a command, a file or a listing

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "SignViP"
html_static_path = ["_static", str(STYLESHEET)]
html_css_files = [STYLESHEET.name, "look.css"]
html_js_files = ["look.js"]
html_copy_source = False
html_show_sphinx = False
# The theme's names for the colours and fonts of the dress, which are light or dark by themselves.
dress = {
    "font-stack": "var(--sans)",
    "font-stack--monospace": "var(--mono)",
    "color-brand-primary": "var(--accent)",
    "color-brand-content": "var(--accent)",
    "color-brand-visited": "var(--series-4)",
    "color-foreground-primary": "var(--ink)",
    "color-foreground-secondary": "var(--grey)",
    "color-foreground-muted": "var(--grey)",
    "color-foreground-border": "var(--line)",
    "color-background-primary": "var(--paper)",
    "color-background-secondary": "var(--wash)",
    "color-background-hover": "var(--hair)",
    "color-background-border": "var(--hair)",
    "color-inline-code-background": "var(--wash)",
    "color-code-background": "var(--wash)",
    "color-code-foreground": "var(--ink)",
    "color-api-name": "var(--ink)",
    "color-api-pre-name": "var(--grey)",
    "color-problematic": "var(--ink)",
}
html_theme_options = {"light_css_variables": dress, "dark_css_variables": dress}


def title_of_table(app: object, name: str, source: list[str]) -> None:
    """Give a table that `signvip ablate` wrote a title; the page of its study leads to it."""
    if name.endswith("/table"):
        study = name.removeprefix("results/").removesuffix("/table").replace("/", ", ")
        source[0] = f"---\norphan: true\n---\n\n# Table: {study}\n\n{source[0]}"


def literal_blocks(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Read an indented block of a docstring as what it is: text that is shown as it stands."""
    marked: list[str] = []
    for line in lines:
        begins = line.startswith("    ") and marked and not marked[-1].strip()
        if begins and (said := next((old for old in reversed(marked) if old.strip()), "")):
            if not said.startswith(("    ", "*", ":", "  ")) and not said.endswith("::"):
                marked += ["::", ""]
        marked.append(line)
    lines[:] = marked


def setup(app: object) -> None:
    """Let pages and docstrings pass the functions above."""
    app.connect("source-read", title_of_table)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", literal_blocks)  # type: ignore[attr-defined]
