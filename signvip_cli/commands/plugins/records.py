"""The record of a plugin, on a line or in JSON."""

from __future__ import annotations

import inspect
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from signvip.registry import Plugin

Kind = Annotated[
    str | None,
    typer.Option("--kind", help="condition, quantizer, translator, denoiser, dataset, estimator or metric."),
]


def as_dict(record: Plugin) -> dict[str, Any]:
    """Return a record for JSON."""
    keys = ("kind", "name", "distribution", "version", "error")
    return {key: getattr(record, key) for key in keys}


def describe(record: Plugin) -> dict[str, Any]:
    """Return a record with what it is, its options, and the licences of its distribution and of the weights it uses."""
    from signvip.contracts import Config

    cls = record.cls
    return {
        **as_dict(record),
        **_reading(record),
        "about": inspect.cleandoc(cls.__doc__) if cls and cls.__doc__ else None,  # its own, not a parent's
        "licence": _licence(record.distribution),
        "weights_licence": getattr(cls, "weights_licence", None),
        "options": getattr(cls, "Config", Config).model_json_schema() if cls else None,
    }


def _reading(record: Plugin) -> dict[str, Any]:
    """Of a metric, what both of its sets hold, and which values are better; nothing of other plugins."""
    if record.kind != "metric" or record.cls is None:
        return {}
    defaults = {"takes": "videos", "higher_is_better": None, "target": None}
    return {name: getattr(record.cls, name, default) for name, default in defaults.items()}


def _licence(distribution: str) -> str | None:
    """Return the licence that a distribution states; None for a single file."""
    try:
        about = metadata(distribution)
    except (PackageNotFoundError, ValueError):
        return None
    return next((about[key] for key in ("License-Expression", "License") if key in about), None)


def owner(record: Plugin) -> str:
    """Return the distribution and version, or the path of a single file."""
    return f"{record.distribution} {record.version}".strip()
