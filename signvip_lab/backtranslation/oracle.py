"""The best wording of clips whose glosses are known: the ceiling of a reader that makes no mistake.

One line of glosses has several wordings, and nobody can know which one the reference has. A dataset that knows its
own wordings says so by a method `oracle(split, clip_id) -> str` of its reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signvip.data.manifest import Manifest
from signvip.errors import PluginError
from signvip.registry import build, registry


def oracle_texts(shards: Path, infos: Sequence[Mapping[str, Any]]) -> list[str] | None:
    """Return one text per clip, given its `json` member; None for a dataset that cannot tell."""
    manifest = Manifest.read(shards)
    name = _reader_of(manifest)
    if name is None or not hasattr(registry().get("dataset", name), "oracle"):
        return None
    reader = build("dataset", name, **manifest.dataset_options)
    return [reader.oracle(info["split"], info["id"]) for info in infos]


def _reader_of(manifest: Manifest) -> str | None:
    """Return the registered name of the dataset's reader; None where its plugin is gone, as shards outlive it."""
    for name in registry().names("dataset"):
        try:
            if registry().get("dataset", name).__name__ == manifest.dataset:
                return name
        except PluginError:
            continue
    return None
