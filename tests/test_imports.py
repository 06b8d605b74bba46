"""The direction of imports: signvip_cli -> signvip -> contracts <- plugins; and what a bare import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = ("signvip_conditions", "signvip_quantizers", "signvip_translators")
HEAVY = {"torch", "diffusers", "transformers"}
PLUGIN_FILES = [
    path for part in ("conditions", "quantizers", "translators") for path in (ROOT / part).rglob("*.py")
]


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
def test_the_engine_knows_neither_plugins_nor_the_command_line(path):
    assert not within(imports(path), *PLUGINS, "signvip_cli")


@pytest.mark.parametrize("path", sorted(PLUGIN_FILES), ids=lambda path: str(path.relative_to(ROOT)))
def test_built_in_plugins_use_only_what_a_third_party_can_use(path):
    found = imports(path)
    own = path.relative_to(ROOT).parts[1]
    assert not within(found, *PLUGINS, "signvip_cli") - within(found, own)
    private = {name for name in found if name.startswith("signvip.") and "._" in name}
    inner = {
        name for name in found if name.split(".")[:2] in (["signvip", "stages"], ["signvip", "training"])
    }
    assert not private | inner


@pytest.mark.parametrize("path", sorted((ROOT / "signvip_cli").rglob("*.py")), ids=lambda path: path.stem)
def test_the_command_line_knows_no_plugin_and_no_vendored_click(path):
    assert not within(imports(path), *PLUGINS, "click", "torch")


@pytest.mark.parametrize(
    "module", ["signvip", "signvip_cli.app", *PLUGINS, "signvip.toysign", "signvip.metrics"]
)
def test_a_bare_import_loads_no_torch(module):
    code = f"import sys, {module}; sys.exit(' '.join({HEAVY} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_listing_plugins_loads_no_torch():
    code = (
        f"import sys, signvip; assert signvip.plugins(); sys.exit(' '.join({HEAVY} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_all_there():
    import signvip

    for name in signvip.__all__:
        assert getattr(signvip, name) is not None
