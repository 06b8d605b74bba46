"""The public face: what plugins may import of SignViP, those that come with it and third parties' alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

LISTED = ("signvip", "signvip.data", "signvip.origin")
"""Packages of which the names in `__all__` are public."""

WHOLE = (
    "signvip.contracts",
    "signvip.data.picture_scores",
    "signvip.data.trajectories",
    "signvip.errors",
    "signvip.estimation",  # the kit for authors of estimators
    "signvip.measures",
    "signvip.models.published",  # weights that a training starts from
    "signvip.models.sending",
    "signvip.testing",
)
"""Modules and packages whose names are all public, unless they begin with an underscore."""

ENGINE = ("signvip", "signvip_lab", "signvip_serve", "signvip_track", "signvip_cli")


def check_imports(folder: Path) -> None:
    """Check that the modules in a folder import nothing of SignViP but its public face."""
    for path in sorted(folder.rglob("*.py")):
        for module, name in _imports(path):
            assert is_public(module, name), (
                f"{path.relative_to(folder)} imports {name or 'all'} from {module}, which may change without notice; "
                "use what signvip.testing.face lists"
            )


def is_public(module: str, name: str | None = None) -> bool:
    """Return whether a plugin may import a module, or a name from it; anything outside SignViP is allowed."""
    if module.split(".")[0] not in ENGINE:
        return True
    if any(module == whole or module.startswith(f"{whole}.") for whole in WHOLE):
        return name is None or not name.startswith("_")
    if module not in LISTED:
        return False
    return name is None or name in import_module(module).__all__ or is_public(f"{module}.{name}")


def _imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield each module that a file imports, and each name that it imports from one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((str(node.module), alias.name) for alias in node.names)
