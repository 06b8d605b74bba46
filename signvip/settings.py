"""Trees of options: how they are read, laid over one another and checked, and what is said of a wrong one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from signvip.contracts import Config
from signvip.errors import ConfigError, suggest

Fraction = Annotated[float, Field(ge=0, le=1)]
# Above these, a number is a mistake or an attack: arrays of that size would take the machine's memory.
LARGEST_SIDE, LARGEST_RATE = 8192, 1000  # pixels, frames a second
MOST = 1_000_000  # frames or steps
Count = Annotated[int, Field(gt=0, le=MOST)]
Side = Annotated[int, Field(gt=0, le=LARGEST_SIDE)]
Rate = Annotated[float, Field(gt=0, le=LARGEST_RATE)]
Options = dict[str, Any]  # of one network; its constructor is the schema, checked when it is built


class Choice(Config):
    """A plugin by name, with its options beside the name; the plugin's own `Config` checks them."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def options(self) -> Options:
        return dict(self.model_extra or {})


FIRST_DENOISER = "animatediff"
"""What a [denoiser] section without a name is for: those of runs and files from before there were others."""

APART = ("guider", "reference_net")
"""Options of a denoiser that stand in sections of their own, beside [denoiser]."""


class DenoiserChoice(Choice):
    """A denoiser by name, with its options beside the name."""

    name: str = FIRST_DENOISER

    @model_serializer(mode="wrap")
    def _leave_out_first(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write the first denoiser's name as it always was, not at all: notes of older runs are compared with this."""
        values: dict[str, Any] = serialize(self)
        return {key: value for key, value in values.items() if (key, value) != ("name", FIRST_DENOISER)}


def parse_setting(text: str) -> Options:
    """`a.b=1` as {"a": {"b": 1}}; values are JSON where they parse as JSON, else plain words."""
    key, separator, word = text.partition("=")
    if not separator or not key:
        raise ConfigError(
            f"'{text}' is not a setting; write --set key=value, such as --set stage2.steps=500."
        )
    try:
        value = json.loads(word)
    except json.JSONDecodeError:
        value = word
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Options:
    """Lay one tree of options over another; another plugin's name drops the options of the first."""
    if over.get("name", base.get("name")) != base.get("name"):
        return dict(over)
    merged = _with_denoiser(base, over)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _with_denoiser(base: Mapping[str, Any], over: Mapping[str, Any]) -> Options:
    """Give the denoiser of a configuration its name, and drop its other sections where a layer names another one."""
    merged, above = dict(base), over.get("denoiser")
    if isinstance(merged.get("denoiser"), Mapping):
        merged["denoiser"] = {"name": FIRST_DENOISER, **merged["denoiser"]}
        name = merged["denoiser"]["name"]
        if isinstance(above, Mapping) and above.get("name", name) != name:
            merged = {key: value for key, value in merged.items() if key not in APART}
    return merged


def option(values: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key, such as `start.vae`."""
    for part in key.split("."):
        values = values[part]
    return values


def explain(error: ValidationError, prefix: str, known: Collection[str]) -> str:
    """Return one sentence for all faults of a pydantic error, with the nearest known name for unknown keys."""
    faults = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "value"
        if fault["type"] == "extra_forbidden":
            faults.append(f"unknown key '{where}' ({_nearest(where, known)})")
        elif fault["type"] == "missing":
            faults.append(f"'{where}' has to be given")
        else:
            faults.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
    return f"{prefix}: {'; '.join(faults)}"


def _nearest(key: str, known: Collection[str]) -> str:
    """Suggest a replacement for an unknown key: the same word where it belongs, else the nearest one."""
    section, _, name = key.rpartition(".")
    elsewhere = [other for other in known if _last(other) == name and other != key]
    if elsewhere and any("." in other for other in known):
        return f"write {' or '.join(sorted(elsewhere))}"
    beside = [_last(other) for other in known if other.rpartition(".")[0] == section]
    others = [other for other in beside or map(_last, known) if other != name]
    return suggest(name, others)


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def keys_of(model: type[Config], section: str = "") -> list[str]:
    """Return the keys of a configuration, those of its sections with a dot."""
    keys = []
    for name, field in model.model_fields.items():
        keys.append(section + name)
        for kind in get_args(field.annotation) or (field.annotation,):
            if isinstance(kind, type) and issubclass(kind, Config) and not issubclass(kind, Choice):
                keys += keys_of(kind, f"{section}{name}.")
    return keys


def read_toml(file: Path) -> Options:
    """Read a `--config` file; ConfigError where it is missing or no TOML."""
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise ConfigError(f"There is no configuration file {file}; give the path of a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML ({error}); fix it and start again.") from error
