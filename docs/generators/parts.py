"""Every part that is installed with SignViP: what it is, and its options as `--set KIND.KEY=VALUE` takes them."""

from __future__ import annotations

from typing import Any

from generators.text import entry, page, prose
from generators.types import kind_of, shown_default
from signvip.config import RunConfig
from signvip.contracts import Config
from signvip.registry import KINDS, OWN, Plugin, plugins

INTRODUCTION = """
The parts that come with SignViP, by kind. They enter by the same door as a third party's, and `signvip plugins show
NAME` prints the same for any that is installed. An option is set by `--set`, below the key that is printed with
each kind.
"""
_KEYS = {
    "condition": "conditions.NAME.OPTION",
    "dataset": "dataset.OPTION",
    "estimator": "estimator.NAME.OPTION",
    "metric": "",
}


def parts_page() -> str:
    """Return the page of all parts and their options."""
    own = [record for record in plugins() if record.distribution == OWN and not record.error]
    kinds = [_kind(kind, [record for record in own if record.kind == kind]) for kind in KINDS]
    return page("Parts and their options", INTRODUCTION, *kinds)


def _kind(kind: str, records: list[Plugin]) -> str:
    key = _KEYS.get(kind, f"{kind}.OPTION" if kind in RunConfig.model_fields else "")
    how = f"Set by `--set {key}=VALUE`." if key else ""
    return "\n\n".join([f"## {kind.capitalize()}s", how, *(_part(record) for record in records)])


def _part(record: Plugin) -> str:
    cls: Any = record.cls
    model: type[Config] = getattr(cls, "Config", Config)
    options = [
        entry(f"`{name}`", prose(field.description), f"*{kind_of(field)}{shown_default(field)}*")
        for name, field in model.model_fields.items()
    ]
    head = f"(part-{record.kind}-{record.name})=\n### {record.name}"
    return "\n\n".join([head, prose(cls.__doc__), *(options or ["It has no options."])])
