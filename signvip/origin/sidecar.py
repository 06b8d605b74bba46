"""The JSON file beside a video: written with a hash of itself and of the video's pictures, and checked by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from signvip.data.provenance import notice_beside, says_so
from signvip.origin.record import Origin, payload_word
from signvip.origin.writing import stream_digest
from signvip.storage.files import write_text
from signvip.storage.json_files import parse_object

HASH = "sidecar"  # under `origin`: the SHA-256 of everything else in the file


def write_sidecar(path: Path, values: Mapping[str, Any]) -> None:
    """Write what is known of a video, whole or not at all; `origin` is what the video's writer tells of it."""
    told = dict(values["origin"])
    whole = {**values, "origin": told}
    told[HASH] = _digest(json.loads(json.dumps(whole)))  # as whoever reads it has it: lists for tuples
    write_text(path, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def read_sidecar(video: Path) -> dict[str, Any] | None:
    """Return the sidecar of a video; None where there is none, or one that says nothing of where a video comes from."""
    beside = notice_beside(video)
    try:
        value = parse_object(beside.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    return value if says_so(beside) or stream_of(value) is not None else None


def stream_of(value: Mapping[str, Any]) -> Any:
    """Return the hash of the pictures that a sidecar was written for; None for one of an older version."""
    return _origin(value).get("stream")


def facts_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a sidecar says that a manifest also says, and whose `key` signed."""
    sampling = value.get("sampling")
    sampling = sampling if isinstance(sampling, dict) else {}
    mark, signed = _origin(value).get("mark"), _origin(value).get("manifest")
    found = {
        "text": value.get("text"),
        "language": value.get("language", sampling.get("language")),
        "weights": value.get("weights"),
        "seed": value.get("seed", sampling.get("seed")),
        "reference": _origin(value).get("reference"),
        "mark": mark.get("payload") if isinstance(mark, dict) else None,
        "key": signed.get("key") if isinstance(signed, dict) else None,
    }
    return {name: said for name, said in found.items() if said is not None}


def fault_of(value: Mapping[str, Any], video: Path) -> str:
    """Return why a sidecar does not belong to a video or was changed; empty where neither is so."""
    if stream_of(value) != stream_digest(video):
        return "the video was changed since, or is another one"
    if HASH in _origin(value) and _origin(value)[HASH] != _digest(value):
        return "it was changed after it was written"
    facts = facts_of(value)
    if {"text", "reference", "mark"} <= facts.keys():
        names = ("text", "language", "weights", "seed", "reference")
        payload = payload_word(Origin(**{name: facts.get(name) for name in names}).payload)
        if payload != facts["mark"]:
            return f"what it says would have the mark {payload}, and it says {facts['mark']}"
    return ""


def _origin(value: Mapping[str, Any]) -> dict[str, Any]:
    told = value.get("origin")
    return told if isinstance(told, dict) else {}


def _digest(value: Mapping[str, Any]) -> str:
    """Hash everything but the hash."""
    rest = {name: said for name, said in _origin(value).items() if name != HASH}
    told = json.dumps({**value, "origin": rest}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
