"""The keys of a configuration: types and defaults from the models, values and their sources from the presets."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, get_args

from generators.text import entry, page, prose
from generators.types import kind_of, shown_default
from signvip.config import RunConfig, presets
from signvip.contracts import Config
from signvip.settings import Choice

INTRODUCTION = """
A run is configured by a preset, then a `--config` file (TOML), then `--set KEY=VALUE`, then the flags of a command;
the later wins. Unknown keys are errors. The configuration is stored with the run, and wins when the run is used.

Below each key stand its type, its default, and what the presets set, each with the source that the preset gives on
that line: "section" and "Eq." are the paper's. Tables that belong to a network or a plugin list what the presets
set in them; a plugin's own options are in [Parts and their options](parts.md).
"""


def configuration_page() -> str:
    """Return the page of all keys, section by section."""
    told = {name: dict(lines_of(name)) for name in presets()}
    sections = [_section(name, fields, told) for name, fields in sections_of(RunConfig)]
    return page("Configuration", INTRODUCTION, *sections)


def sections_of(model: type[Config], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the fields of a model and of the models below it, each under its dotted prefix."""
    yield prefix, {name: field for name, field in model.model_fields.items() if not _below(field.annotation)}
    for name, field in model.model_fields.items():
        if kind := _below(field.annotation):
            yield from sections_of(kind, f"{prefix}{name}.")


def _below(annotation: Any) -> type[Config] | None:
    for kind in get_args(annotation) or (annotation,):
        if isinstance(kind, type) and issubclass(kind, Config) and not issubclass(kind, Choice):
            return kind
    return None


def lines_of(preset: str) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Yield each key that a preset sets, with its value and its source: the comment on that line and those below."""
    text = (files("signvip.presets") / f"{preset}.toml").read_text()
    values, section = tomllib.loads(text), ""
    for line in _joined(text.splitlines()):
        if head := re.match(r"\[([\w.-]+)\]", line):
            section = f"{head[1]}."
        elif found := re.match(r"([\w-]+)\s*=\s*(?:\"[^\"]*\"|[^#\"])*(?:#\s*(.*))?$", line):
            key = section + found[1]
            yield key, (_at(values, key), (found[2] or "").strip())


def _joined(lines: list[str]) -> list[str]:
    """Return lines with the comments that go on below them, far from the margin, appended."""
    joined: list[str] = []
    for line in lines:
        if joined and (rest := re.match(r"\s{8,}#\s*(.+)", line)):
            joined[-1] += f" {rest[1]}"
        else:
            joined.append(line)
    return joined


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _section(prefix: str, fields: dict[str, Any], told: dict[str, dict[str, tuple[Any, str]]]) -> str:
    title = f"## `[{prefix[:-1]}]`" if prefix else "## At the top"
    return "\n\n".join([title, *(_entry(prefix + name, field, told) for name, field in fields.items())])


def _entry(key: str, field: Any, told: dict[str, dict[str, tuple[Any, str]]]) -> str:
    about = prose(field.description)
    facts = f"{kind_of(field)}{shown_default(field)}"
    lines = [
        about[:1].upper() + about[1:].rstrip(".") + "." if about else "",
        f"*{facts}*",
        _values(key, told),
    ]
    below = sorted({name for found in told.values() for name in found if name.startswith(f"{key}.")})
    nested = "".join(
        "\n" + entry(f"`{name}`", _values(name, told), anchor=f"key-{_anchor(name)}") for name in below
    )
    return entry(f"`{key}`", *lines, anchor=f"key-{_anchor(key)}") + nested


def _anchor(key: str) -> str:
    return key.replace(".", "-").replace("_", "-").lower()


def _values(key: str, told: dict[str, dict[str, tuple[Any, str]]]) -> str:
    said = []
    for value, source in _distinct([found[key] for found in told.values() if key in found]):
        names = ", ".join(
            f"`{preset}`" for preset, found in told.items() if found.get(key) == (value, source)
        )
        said.append(
            f"{names}: `{json.dumps(value, ensure_ascii=False)}`" + (f" ({prose(source)})" if source else "")
        )
    return "; ".join(said) + "." if said else ""


def _distinct(found: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    return [pair for number, pair in enumerate(found) if pair not in found[:number]]
