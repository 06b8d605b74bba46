"""The exceptions of SignViP, drawn as a tree.

    SignVipError                     a user can fix it: one sentence, the next action, exit code 1
    ├── ConfigError                  a preset, key or value that does not exist or does not fit
    ├── PluginError                  a plugin that is unknown, broken or clashes with another
    ├── DataError                    a clip, picture, text or shard that cannot be used
    │   └── MismatchError            data or weights made by another model than the one in use
    └── RunError                     a run that is missing, unfinished or damaged

Anything else that is raised is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from signvip.plain import plain


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that is not known: the nearest one that is, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}."


class SignVipError(Exception):
    """A mistake that the user can fix; the message is one sentence that ends in the next action.

    It is one line and fit for a terminal, whatever names and texts of strangers it quotes.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(plain(str(message)))


class ConfigError(SignVipError):
    """A preset, a key or a value that does not exist or does not fit."""


class PluginError(SignVipError):
    """A plugin that is unknown, failed to load, or shares its name with another."""


class DataError(SignVipError):
    """A clip, a picture, a text or a shard that cannot be used."""


class MismatchError(DataError):
    """Data or weights that were made by another model than the one in use."""


class RunError(SignVipError):
    """A run that is missing, unfinished or damaged."""


class SignVipWarning(UserWarning):
    """Something that works but that the user should know; fit for a terminal, as errors are."""

    def __init__(self, message: object = "") -> None:
        super().__init__(plain(str(message)))


class UnseenWarning(SignVipWarning):
    """A run is asked for what it never saw in training; it answers all the same, and the answer may be nonsense."""


class UnsignedWarning(SignVipWarning):
    """Videos are written without a signed manifest, since something is missing to sign them."""
