"""The command line, from the Typer app: what `--help` says, with an anchor for every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from generators.text import console, entry, page, prose
from signvip_cli.app import app

_EXAMPLES = re.compile(r"\n\s*Examples?:\s*\n(.*)\Z", re.DOTALL)
INTRODUCTION = """
Written from the program itself, so `signvip COMMAND --help` says the same. Every command exits with 0 when it is
done, with 1 for a mistake that you can fix (one sentence that begins with `error:`), and with 2 for wrong usage.
Results go to stdout, everything else to stderr. `-v` before or after a command tells more.
"""


def commands_page() -> str:
    """Return the page of all commands."""
    return page("Command line", INTRODUCTION, *(_section(*found) for found in all_commands()))


def all_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its whole name, `plugins list` among them."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        if command.hidden:  # an old name
            continue
        if hasattr(command, "commands"):
            yield from ((f"{name} {below}", found) for below, found in command.commands.items())
        else:
            yield name, command


def _section(name: str, command: Any) -> str:
    told = prose(command.help)
    examples = _EXAMPLES.search(told)
    about = told[: examples.start()] if examples else told
    shown = [line.strip() for line in examples[1].splitlines() if line.strip()] if examples else []
    given = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [parameter for parameter in given if parameter.param_type_name == "argument"]
    options = [parameter for parameter in given if parameter.param_type_name == "option"]
    usage = " ".join(["signvip", name, *(_in_usage(argument) for argument in arguments), "[OPTIONS]"])
    parts = [f"(command-{name.replace(' ', '-')})=\n## {name}", about, console([usage])]
    if shown:
        parts.append("Examples:\n\n" + console(shown))
    parts += [_entry(parameter) for parameter in [*arguments, *options] if parameter.name != "help"]
    return "\n\n".join(parts)


def _in_usage(argument: Any) -> str:
    word = _metavar(argument)
    return word if argument.required else f"[{word}]"


def _metavar(argument: Any) -> str:
    return (argument.metavar or argument.name.upper()).strip("[]")


def _entry(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [_metavar(parameter)]
    elif not (getattr(parameter, "is_flag", False) or getattr(parameter, "count", False)):
        names = [f"{name} {parameter.metavar or _value(parameter)}" for name in names]
    facts = "required" if parameter.required else _default(parameter)
    said = prose(parameter.help)
    return entry(", ".join(f"`{name}`" for name in names), f"{said} *{facts}*" if facts else said)


def _value(parameter: Any) -> str:
    """Return a word for the value of an option that names none: its choices, or a number."""
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(choice.value for choice in kind)
    return "N" if kind in (int, float) else "VALUE"


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is True:
        return f"Default: {parameter.opts[0]}" if parameter.secondary_opts else ""
    if value is None or value is False or value in ((), [], 0, ""):
        return ""
    shown = value.value if isinstance(value, Enum) else value
    return f"Default: {shown.as_posix() if isinstance(shown, Path) else shown}"
