"""The direction of imports: signvip_cli -> signvip_lab -> signvip <- plugins; and what a bare import costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from signvip import registry
from signvip.testing import check_imports

ROOT = Path(__file__).parents[1]
KINDS = tuple(f"{kind}s" for kind in registry.KINDS)  # a folder each
PLUGINS = tuple(sorted(path.name for kind in KINDS for path in (ROOT / kind).glob("signvip_*")))
HEAVY = {"torch", "diffusers", "transformers"}


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
    assert not within(imports(path), *PLUGINS, "signvip_lab", "signvip_serve", "signvip_track", "signvip_cli")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "signvip_lab").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_laboratory_knows_neither_plugins_nor_the_command_line(path):
    assert not within(imports(path), *PLUGINS, "signvip_cli")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_uses_only_what_a_third_party_can_use(kind):
    check_imports(ROOT / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_knows_no_other_kind(kind):
    others = {package for package in PLUGINS if not (ROOT / kind / package).is_dir()}
    found = {name for path in (ROOT / kind).rglob("*.py") for name in imports(path)}
    assert not within(found, *others)


@pytest.mark.parametrize("folder", sorted((ROOT / "plugins").iterdir()), ids=lambda path: path.name)
def test_plugins_installed_on_their_own_use_the_public_face(folder):
    check_imports(folder)


@pytest.mark.parametrize(
    ("line", "public"),
    [
        ("import signvip", True),
        ("from signvip import build", True),
        ("from signvip import registry", False),
        ("from signvip import contracts, errors", True),
        ("from signvip.data import read_footage", True),
        ("from signvip.data import shards", False),
        ("from signvip.data.footage import read_footage", False),
        ("from signvip.estimation.weights import fingerprint", True),
        ("from signvip.estimation.weights import _hash", False),
        ("import signvip.stages.video", False),
        ("from signvip_lab.demo import demo", False),
        ("from signviper import anything", True),
    ],
)
def test_the_face_is_what_is_listed(tmp_path, line, public):
    (tmp_path / "plugin.py").write_text(f"def late():\n    {line}\n")
    if public:
        check_imports(tmp_path)
    else:
        with pytest.raises(AssertionError, match=r"plugin\.py imports"):
            check_imports(tmp_path)


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
    import signvip.data

    for package in (signvip, signvip.data):
        for name in package.__all__:
            assert getattr(package, name) is not None
