"""A study: what is varied, which numbers are shown and drawn, and what is claimed; some travel with the package."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from signvip.contracts import Config
from signvip.errors import ConfigError, suggest
from signvip.settings import explain, read_toml
from signvip.storage.files import fault_of_name
from signvip_lab.ablation.axes import Axis, make_axis

Scale = Literal["linear", "log2", "symlog"]


def _one_name(name: str) -> str:
    fault = fault_of_name(name) or ("has a slash" if "/" in name else "")
    if fault:
        raise ValueError(f"a file is named after it, and the name {fault}")
    return name


FileName = Annotated[str, AfterValidator(_one_name)]


class AxisTable(Config):
    """One `[[axis]]`; a value that is a table has a `label`, and a `value` or options to lay over."""

    name: str
    values: tuple[Any, ...]


class Figure(Config):
    """One `[[figure]]`: values `row/name` over an axis, or over a fact such as vocab_size."""

    name: FileName
    x: str
    y: tuple[str, ...]
    lines: str | None = Field(default=None, description="the axis whose values are drawn as lines")
    scale: Scale = "linear"


class Goal(Config):
    """One `[[goal]]`: in every pair of cells that differ in nothing else, `better` has the better value."""

    says: str
    value: tuple[str, ...] = Field(description="the first of these that was measured")
    better: dict[str, Any]
    worse: dict[str, Any]


class Study(Config):
    """A whole study, as a TOML file has it."""

    name: FileName
    title: str
    paper: str = Field(default="", description="the table or figure of the paper")
    stage: int | None = Field(
        default=None, ge=1, le=3, description="trained up to here; None: what the axes change"
    )
    columns: tuple[str, ...] = Field(
        default=(), description="values `row/name` that tables show; all where none"
    )
    axis: tuple[AxisTable, ...] = ()
    figure: tuple[Figure, ...] = ()
    goal: tuple[Goal, ...] = ()

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Return the axes that are varied."""
        return tuple(make_axis(table.name, table.values) for table in self.axis)


def study_names() -> list[str]:
    """Return the names of the studies that travel with the package."""
    names = [entry.name for entry in files("signvip_lab.ablation.studies").iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_study(name: str) -> Study:
    """Return a study by name, or by the path of a TOML file; ConfigError with the nearest name where there is none."""
    if name.endswith(".toml"):
        return _parse(Path(name).stem, read_toml(Path(name)))
    if name not in study_names():
        raise ConfigError(f"There is no study '{name}'; {suggest(name, study_names())}")
    return _parse(name, tomllib.loads((files("signvip_lab.ablation.studies") / f"{name}.toml").read_text()))


def _parse(name: str, values: dict[str, Any]) -> Study:
    try:
        return Study(**{"name": name, **values})
    except ValidationError as error:
        known = {key for model in (Study, AxisTable, Figure, Goal) for key in model.model_fields}
        raise ConfigError(explain(error, prefix=f"study {name}", known=known)) from error
