"""A plugin that works from the first minute, as a distribution of its own: `signvip plugins new`.

What it writes is in `templates`. It imports the registry, for the kinds that there are.
"""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from signvip.errors import PluginError
from signvip.registry import KINDS


def scaffold(name: str, kind: str, folder: Path) -> list[Path]:
    """Write pyproject.toml, README.md, the module and its test; returns their paths.

    PluginError for a kind that does not exist, a name that no module could have, and a folder that holds something.
    """
    if kind not in KINDS:
        raise PluginError(f"There is no kind '{kind}' of plugin; use one of {', '.join(KINDS)}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise PluginError(
            f"'{name}' is not a plugin name; use small letters, digits and _, such as my_{kind}."
        )
    if folder.exists() and any(folder.iterdir()):
        raise PluginError(f"{folder} is not empty; choose another folder by --output.")
    words = {
        "name": name,
        "kind": kind,
        "module": f"signvip_{name}",
        "distribution": f"signvip-{name.replace('_', '-')}",
        "cls": "".join(part.capitalize() for part in name.split("_")),
    }
    made = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        f"signvip_{name}.py": f"{kind}.py.txt",
        f"tests/test_{name}.py": "dataset_test.py.txt" if kind == "dataset" else "test.py.txt",
    }
    return [_write(folder / path, template, words) for path, template in made.items()]


def _write(path: Path, template: str, words: dict[str, str]) -> Path:
    text = (files("signvip.scaffold") / "templates" / template).read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Template(text).substitute(words), encoding="utf-8")
    return path
