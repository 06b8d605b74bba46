"""JSON from anybody: whatever is wrong with it is a ValueError, and nothing else."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes, **options: Any) -> Any:
    """Parse JSON; ValueError for damage, for what is not UTF-8, and for what is nested deeper than Python follows."""
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse JSON that has to be an object."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"it holds no object but {type(value).__name__}")
    return value
