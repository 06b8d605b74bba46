"""The Python reference: what `signvip` and its public modules export, for autodoc to fill in."""

from __future__ import annotations

from importlib import import_module
from inspect import isclass, isfunction, ismodule

import signvip
from generators.text import page

MODULES = (
    "signvip.errors",
    "signvip.data",
    "signvip.measures",
    "signvip.estimation",
    "signvip.testing",
    "signvip.hookspecs",
)
INTRODUCTION = """
`import signvip` is quick and loads no torch; the networks and the pipeline are loaded when they are first used.
What is not listed here may move between versions. The letters in shapes are B batch, F frames, N tokens per frame,
K conditions, C channels, H and W the size of a frame in pixels, h and w that of the latents.
"""


def api_page() -> str:
    """Return the page, with a directive of autodoc for every exported name."""
    face = [_directive("signvip", name) for name in _order(signvip.__all__) if not name.startswith("__")]
    modules = ["\n\n".join([f"## {name}", *_module(name)]) for name in MODULES]
    return page("Python", INTRODUCTION, "## signvip", *face, *modules)


def _module(name: str) -> list[str]:
    module = import_module(name)
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == name]
    exported = getattr(module, "__all__", [key for key in own if not key.startswith("_")])
    about = _rest(f".. automodule:: {name}", ":no-members:")
    shown = [key for key in exported if key not in signvip.__all__ and not ismodule(getattr(module, key))]
    return [about, *(_directive(name, key) for key in shown)]


def _order(names: list[str]) -> list[str]:
    """Return the pipeline and the functions first, then classes by their name."""
    first = ("SignVipPipeline", "plugins", "build", "hookimpl")
    return [*(name for name in first if name in names), *(name for name in names if name not in first)]


def _directive(module: str, name: str) -> str:
    value = getattr(import_module(module), name)
    if not (isclass(value) or isfunction(value)):
        return _rest(f".. autodata:: {module}.{name}")
    where = f"{value.__module__}.{name}"
    if isfunction(value):
        return _rest(f".. autofunction:: {where}")
    if issubclass(value, BaseException):
        return _rest(f".. autoexception:: {where}")
    return _rest(f".. autoclass:: {where}", ":members:")


def _rest(*lines: str) -> str:
    return "\n   ".join(["```{eval-rst}", *lines]).replace("\n   ", "\n", 1) + "\n```"
