"""The facts that are recorded of a generated video, wherever its origin is told."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signvip.errors import DataError
from signvip.origin.pattern import BITS


@dataclass(frozen=True)
class OriginOptions:
    """The ways in which a video says that it was generated; those turned off are noted in its sidecar."""

    mark: bool = True
    manifest: bool = True
    label: bool = False  # words that everybody sees
    consent: Path | None = None  # the record of the pictured person's consent
    key: Path | None = None  # PEM, of whoever signs; None is the environment's or one made on first use
    certificate: Path | None = None  # PEM, the chain of that key


@dataclass(frozen=True)
class Consent:
    """The record of a consent, by its name and SHA-256; what it says stays with whoever keeps it."""

    file: str
    sha256: str

    @classmethod
    def read(cls, path: Path) -> Consent:
        """Hash a record; DataError where it cannot be read or is empty."""
        content = read_file(path, "the record of consent", "--consent")
        if not content.strip():
            raise DataError(f"{path} is empty; fill in the record of consent and give it by --consent.")
        return cls(path.name, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Origin:
    """The inputs that a video was made from. Equal ones have equal marks."""

    text: str | None = None
    language: str | None = None  # ISO 639-3 of the sign language
    weights: str | None = None  # the fingerprint of the run
    seed: int | None = None
    reference: str | None = None  # SHA-256 of the picture
    consent: Consent | None = None
    where: str | None = None  # it is to be shown, as whoever asked for it said

    @classmethod
    def of(
        cls,
        text: str,
        language: str | None,
        weights: str | None,
        seed: int,
        reference: Path,
        consent: Path | None,
    ) -> Origin:
        """Describe a video of one sentence; DataError where picture or consent cannot be read."""
        picture = hashlib.sha256(read_file(reference, "the reference picture", "REFERENCE")).hexdigest()
        return cls(text, language, weights, seed, picture, None if consent is None else Consent.read(consent))

    @property
    def payload(self) -> int:
        """The 16 bits that the mark carries: the beginning of a hash of everything else."""
        told = json.dumps([self.text, self.language, self.weights, self.seed, self.reference])
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[: BITS // 8], "big")

    def facts(self) -> dict[str, Any]:
        """Return the facts for the manifest; words that are not valid Unicode are escaped."""
        words = None if self.text is None else self.text.encode("utf-8", "backslashreplace").decode()
        consent = None if self.consent is None else {"file": self.consent.file, "sha256": self.consent.sha256}
        return {
            "text": words,
            "language": self.language,
            "weights": self.weights,
            "seed": self.seed,
            "reference": self.reference,
            "consent": consent,
            "where": self.where,
        }


def payload_word(payload: int) -> str:
    """Return a payload as files write it: four hexadecimal digits."""
    return f"{payload:0{BITS // 4}x}"


def read_file(path: Path, what: str, option: str) -> bytes:
    """Return the bytes of a file that the user named; DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"{path}, {what}, cannot be read ({reason}); give another file by {option}."
        ) from error
