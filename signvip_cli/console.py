"""Output: results go to stdout, talk to stderr, and `-v` says how much talk there is.

Everything that is printed passes here or `reporter`, and is plain: it quotes names and texts of strangers.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from typing import Any

import typer

from signvip.plain import plain, plain_json

QUIET_LIBRARIES = ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY")


def set_verbosity(context: typer.Context, level: int) -> int:
    """Callback of `-v`, before or after a command: 0 keeps libraries quiet, 1 shows what they tell, 2 all."""
    root = context.find_root()
    root.obj = max(root.obj or 0, level)
    if context.parent is not None:
        _apply(root.obj)
    return level


def _apply(level: int) -> None:
    logger = logging.getLogger()
    if not any(isinstance(handler, _Stderr) for handler in logger.handlers):
        logger.addHandler(_Stderr())
    logger.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(level, 2)])
    if level:
        os.environ.update(dict.fromkeys(QUIET_LIBRARIES, "info"))
        return
    for name in QUIET_LIBRARIES:
        os.environ.setdefault(name, "error")
    for category in (FutureWarning, DeprecationWarning):  # of libraries: a user cannot fix them
        warnings.simplefilter("ignore", category)
    warnings.showwarning = _show_warning


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_remark(f"{record.levelname.lower()}: {record.getMessage()}")


def print_result(text: str) -> None:
    """Print one line of a result on stdout."""
    typer.echo(plain(text))


def print_remark(text: str) -> None:
    """Print one line on stderr."""
    typer.echo(plain(text), err=True)


def print_json(values: Any) -> None:
    """Print a result for a program on stdout."""
    typer.echo(plain_json(values))


def print_error(sentence: str) -> None:
    """Print `error: <sentence>` on stderr, as it stands: no markup is read in it."""
    print_remark(f"error: {sentence}")


def print_traceback(error: BaseException) -> None:
    """Print where an error was raised: a defect, or for `-v` a user's mistake."""
    typer.echo(plain("".join(traceback.format_exception(error)), keep="\n"), err=True, nl=False)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: Any = None,
) -> None:
    if category.__module__.startswith("signvip"):
        print(plain(f"warning: {message}"), file=file or sys.stderr)
