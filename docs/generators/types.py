"""Types and defaults of pydantic fields, in words that fit into a line."""

from __future__ import annotations

import json
import types
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "none"}


def kind_of(field: FieldInfo) -> str:
    """Return the type of a field and its bounds: `integer, at least 1`."""
    bounds = [_bound(fact) for fact in field.metadata]
    return ", ".join([named(field.annotation), *(bound for bound in bounds if bound)])


def named(annotation: Any) -> str:
    """Return a type in words; a union by "or", a choice by its values."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(named(kind) for kind in inner)
    if origin is not None and hasattr(annotation, "__metadata__"):
        return named(inner[0])
    if origin is tuple:
        return (
            "list of "
            + ("any number, " if inner[-1:] == (...,) else f"{len(inner)}, each ")
            + named(inner[0])
        )
    if origin in (list, set, frozenset):
        return f"list, each {named(inner[0])}"
    if origin is dict:
        return "table"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def shown_default(field: FieldInfo) -> str:
    """Return the default as `--set` would be given it, or that there is none."""
    if field.is_required():
        return "; required"
    value = to_jsonable_python(field.get_default(call_default_factory=True), fallback=str)
    if value is PydanticUndefined:
        return ""
    return "; default: none" if value is None else f"; default: `{json.dumps(value, ensure_ascii=False)}`"


def _bound(fact: Any) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    found = [f"{word} {getattr(fact, key):g}" for key, word in words.items() if hasattr(fact, key)]
    return " and ".join(found)
