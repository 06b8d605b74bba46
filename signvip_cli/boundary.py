"""The place where errors become sentences: a user's mistake is one line and exit 1, a defect keeps its traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from signvip_cli.console import print_error, print_traceback

FULL = (errno.ENOSPC, errno.EDQUOT)
# torch and safetensors write through their own code and lose the errno.
FULL_WORDS = ("No space left on device", "PytorchStreamWriter failed writing file")
DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
AGAIN = "give the same command again: finished work is kept"


class Boundary(TyperGroup):
    """The group of all commands; whatever one raises passes here before Typer sees it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print_error(f"interrupted; nothing is half-written, {AGAIN}.")
            raise typer.Exit(130) from None
        except Exception as error:
            sentence = explain(error)
            if sentence is None:
                raise
            if ctx.obj:
                print_traceback(error)
            print_error(sentence)
            raise typer.Exit(1) from error


def explain(error: Exception) -> str | None:
    """Return the sentence for an error that the user can fix, or None for a defect."""
    from signvip.errors import SignVipError

    if isinstance(error, SignVipError):
        return str(error)
    if any(_is_full(link) for link in _chain(error)):
        return f"the disk is full{_where(error)}; free some space and {AGAIN}."
    if isinstance(error, OSError) and error.errno in DENIED:
        return f"permission denied{_where(error)}; choose another folder, or fix its permissions."
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be read or written ({error.strerror}); check that path, or choose another."
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which this module must not import
        return "the GPU's memory is full; take fewer clips or frames at a time, or use another device."
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return any(words in str(error) for words in FULL_WORDS)


def _where(error: Exception) -> str:
    return f": {error.filename}" if isinstance(error, OSError) and error.filename else ""
