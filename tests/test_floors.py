"""The house: no import runs up, each kind has one folder, and each folder says who lives there."""

from __future__ import annotations

import ast
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import signvip
from signvip.registry import KINDS

ROOT = Path(__file__).parents[1]
HOUSE = ("signvip", "signvip_lab", "signvip_serve", "signvip_track", "signvip_cli")
FLOORS = (
    "contracts", "storage", "data", "models", "sampling", "training", "stages", "signvip_lab", "signvip_serve",
    "signvip_track", "signvip_cli",
)  # fmt: skip  # from below
FOLDERS = tuple(f"{kind}s" for kind in KINDS)


def imported(path):
    """Modules of the house that a file imports when it runs: what only type checkers read binds nobody."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = [node for node in ast.walk(tree) if isinstance(node, ast.If) and _is_typing(node.test)]
    left_out = {id(inner) for node in typing for line in node.body for inner in ast.walk(line)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in names)


def _is_typing(test):
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def is_module(name):
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def room(module):
    """The folder or file of the engine that a module stands in; another package is one room."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "signvip" and rest else package


@pytest.fixture(scope="module")
def arrows():
    """Rooms, and the rooms that each imports from."""
    found: dict[str, set[str]] = {}
    for package in HOUSE:
        for path in (ROOT / package).rglob("*.py"):
            own = room(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
            others = {room(name) for name in imported(path) if name.split(".")[0] in HOUSE}
            found.setdefault(own, set()).update(others - {own})
    return found


def test_rooms_import_each_other_in_one_direction_only(arrows):
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"these rooms import each other in a circle: {' <- '.join(error.args[1])}")


def test_no_import_runs_up(arrows):
    above = {floor: set(FLOORS[place + 1 :]) for place, floor in enumerate(FLOORS)}
    assert set(FLOORS) <= set(arrows)
    assert not {floor: rooms & arrows[floor] for floor, rooms in above.items() if rooms & arrows[floor]}


def test_nothing_but_the_command_line_imports_the_laboratory_or_an_application(arrows):
    for above in ("signvip_lab", "signvip_serve", "signvip_track"):
        assert [own for own, others in arrows.items() if above in others] == ["signvip_cli"]
    outside = [path for folder in (*FOLDERS, "plugins") for path in (ROOT / folder).rglob("*.py")]
    assert outside and not any(name.split(".")[0] in HOUSE[1:] for path in outside for name in imported(path))


def test_the_folders_of_kinds_are_the_kinds():
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert sorted(set(find["where"]) - {"."}) == sorted(FOLDERS)
    there = {path.parent.parent.name for path in ROOT.glob("*/signvip_*/__init__.py")}
    assert there - {"plugins", *HOUSE} == set(FOLDERS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_comes_with_signvip_lives_in_the_folder_of_its_kind(kind):
    own = [plugin for plugin in signvip.plugins() if (plugin.kind, plugin.distribution) == (kind, "signvip")]
    assert own
    for plugin in own:
        place = plugin.target if isinstance(plugin.target, str) else plugin.cls.__module__
        assert (ROOT / f"{kind}s" / place.split(".")[0]).is_dir()


PACKAGES = [
    path.parent
    for top in (*HOUSE, *FOLDERS)
    for path in (ROOT / top).rglob("__init__.py")
    if len(path.relative_to(ROOT).parts) <= 3
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_says_who_lives_there_and_what_they_import(package):
    about = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert "import" in about
