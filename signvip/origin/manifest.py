"""The C2PA manifest of a video: signed into the mp4, and read back from it (extra `provenance`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import signvip
from signvip.errors import DataError
from signvip.origin.keys import Key
from signvip.origin.record import Origin, payload_word
from signvip.storage.files import PARTIAL

INSTALL = 'pip install "signvip[provenance]"'
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_FACTS = "org.signvip.generation"
_KINDS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".avi": "video/avi"}


@dataclass(frozen=True)
class Manifest:
    """The contents of a manifest: whether signature and content fit, who signed, and how the video was made."""

    holds: bool
    why: str  # not, in the words of the C2PA specification
    trusted: bool  # by an authority that this machine knows
    signer: str
    sources: tuple[str, ...]  # IPTC's digital source types
    facts: dict[str, Any]


def can_sign() -> bool:
    """Return whether the extra is installed."""
    return find_spec("c2pa") is not None


def sign(path: Path, origin: Origin, marked: bool, key: Key, source_type: str = SOURCE) -> None:
    """Put a manifest into an mp4, in place; its streams stay as they are. DataError where the key cannot sign."""
    import c2pa

    facts = origin.facts() | {"mark": payload_word(origin.payload) if marked else None}
    told = {
        "claim_generator_info": [{"name": "signvip", "version": signvip.__version__}],
        "format": "video/mp4",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source_type}]},
            },
            {"label": _FACTS, "data": facts},
        ],
    }
    signed = path.with_name(f"{path.name.removesuffix(PARTIAL)}.{os.getpid()}{PARTIAL}")
    try:
        info = c2pa.C2paSignerInfo(key.algorithm.encode(), key.chain, key.private, None)
        with path.open("rb") as source, signed.open("w+b") as target:
            c2pa.Builder(json.dumps(told)).sign(c2pa.Signer.from_info(info), "video/mp4", source, target)
        os.replace(signed, path)
    except c2pa.C2paError as error:
        raise DataError(
            f"The video cannot be signed with this key ({error}); give another by --key and --certificate, "
            "or leave the manifest out by --no-manifest."
        ) from error
    finally:
        signed.unlink(missing_ok=True)


def read(path: Path) -> Manifest | None:
    """Return what the manifest of a video says; None where it has none that this program can read."""
    import c2pa

    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        return None
    try:
        with path.open("rb") as file:
            reader = c2pa.Reader(kind, file)
            state, active = reader.get_validation_state(), reader.get_active_manifest() or {}
            results = reader.get_validation_results() or {}
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return None
        return Manifest(False, f"it cannot be read: {error}", False, "", (), {})
    signature = active.get("signature_info") or {}
    return Manifest(
        holds=state in ("Valid", "Trusted"),
        why=_reason(results),
        trusted=state == "Trusted",
        signer=", ".join(str(signature[name]) for name in ("issuer", "common_name") if signature.get(name)),
        sources=tuple(_sources(active)),
        facts=_facts(active),
    )


def _facts(active: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest says about how the video was made, if it is one of ours."""
    data = next((one.get("data") for one in active.get("assertions", []) if one.get("label") == _FACTS), None)
    return data if isinstance(data, dict) else {}


def _sources(active: dict[str, Any]) -> Iterator[str]:
    """Give what the actions of a manifest say of how the pictures came to be."""
    for assertion in active.get("assertions", []):
        if str(assertion.get("label")).startswith("c2pa.actions"):
            for action in (assertion.get("data") or {}).get("actions", []):
                if source := action.get("digitalSourceType"):
                    yield str(source)


def _reason(results: dict[str, Any]) -> str:
    failures = (results.get("activeManifest") or {}).get("failure") or []
    codes = sorted({str(failure.get("code")) for failure in failures} - {"signingCredential.untrusted"})
    if any("ismatch" in code for code in codes):
        return f"the file was changed after it was signed ({', '.join(codes)})"
    return ", ".join(codes)
