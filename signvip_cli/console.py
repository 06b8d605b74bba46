"""What goes where: results on stdout, talk on stderr, and how much talk `-v` asks for."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
import warnings
from typing import Any

import typer

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
    for category in (FutureWarning, DeprecationWarning):  # of libraries: a user cannot mend them
        warnings.simplefilter("ignore", category)
    warnings.showwarning = _show_warning


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(f"{record.levelname.lower()}: {record.getMessage()}", err=True)


def print_result(text: str) -> None:
    """Print one line of a result on stdout."""
    typer.echo(text)


def print_json(values: Any) -> None:
    """Print a result for a program on stdout."""
    typer.echo(json.dumps(values, indent=2, ensure_ascii=False, default=str))


def print_error(sentence: str) -> None:
    """Print `error: <sentence>` on stderr, as it stands: no markup is read in it."""
    typer.echo(f"error: {sentence}", err=True)


def print_traceback(error: BaseException) -> None:
    """Print where a user's mistake was found, for `-v`."""
    typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: Any = None,
) -> None:
    if category.__module__.startswith("signvip"):
        print(f"warning: {message}", file=file or sys.stderr)
