"""Names of the hub: `owner/name`."""

from __future__ import annotations

import re


def is_hub_id(name: str) -> bool:
    """Return whether a name can be one of the hub's, `owner/name`, and not only a path."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) is not None and not name.startswith("runs/")
