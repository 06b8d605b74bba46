"""The direction of imports: signvip_cli -> signvip_lab -> signvip <- plugins; and what a bare import costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = ("conditions", "quantizers", "translators", "datasets", "metrics", "estimators")  # a folder each
PLUGINS = tuple(sorted(path.name for kind in KINDS for path in (ROOT / kind).glob("signvip_*")))
HEAVY = {"torch", "diffusers", "transformers"}
PLUGIN_FILES = [path for kind in KINDS for path in (ROOT / kind).rglob("*.py")]


def imports(path):
    """Every module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def within(names, *packages):
    return {name for name in names if name.split(".")[0] in packages}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "signvip").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_engine_knows_neither_plugins_nor_what_stands_on_it(path):
    assert not within(imports(path), *PLUGINS, "signvip_lab", "signvip_cli")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "signvip_lab").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_laboratory_knows_neither_plugins_nor_the_command_line(path):
    assert not within(imports(path), *PLUGINS, "signvip_cli")


@pytest.mark.parametrize("path", sorted(PLUGIN_FILES), ids=lambda path: str(path.relative_to(ROOT)))
def test_built_in_plugins_use_only_what_a_third_party_can_use(path):
    found = imports(path)
    own = [package.name for package in (ROOT / path.relative_to(ROOT).parts[0]).glob("signvip_*")]
    assert not within(found, *PLUGINS, "signvip_lab", "signvip_cli") - within(found, *own)
    private = {name for name in found if name.startswith("signvip.") and "._" in name}
    inner = {
        name for name in found if name.split(".")[:2] in (["signvip", "stages"], ["signvip", "training"])
    }
    assert not private | inner


@pytest.mark.parametrize("path", sorted((ROOT / "signvip_cli").rglob("*.py")), ids=lambda path: path.stem)
def test_the_command_line_knows_no_plugin_and_no_vendored_click(path):
    assert not within(imports(path), *PLUGINS, "click", "torch")


MODULES = ("signvip", "signvip_cli.app", *PLUGINS)
LISTING = "signvip.plugins()"
LOADED = f"""
import importlib, json, sys
steps = [(name, lambda name=name: importlib.import_module(name)) for name in {MODULES}]
steps.append(({LISTING!r}, lambda: sys.modules["signvip"].plugins()))
heavy = {{}}
for name, step in steps:
    assert step()
    heavy[name] = sorted({HEAVY} & set(sys.modules))
print(json.dumps(heavy))
"""


@pytest.fixture(scope="module")
def loaded():
    """The heavy modules that are loaded after each step of one fresh process; the first that has any is at fault."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_a_bare_import_loads_no_torch(loaded, module):
    assert loaded[module] == []


def test_listing_plugins_loads_no_torch(loaded):
    assert loaded[LISTING] == []


def test_the_public_names_are_all_there():
    import signvip

    for name in signvip.__all__:
        assert getattr(signvip, name) is not None
