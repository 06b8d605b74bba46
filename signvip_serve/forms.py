"""The form that a video is asked for by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import File, Form, HTTPException, Request, UploadFile

from signvip.origin.record import Consent
from signvip_serve.uses import Use


@dataclass(frozen=True)
class Ask:
    """One request, as its form has it; `picture` is a file's bytes, or the name of one that ships."""

    text: str
    language: str | None = None
    seed: int = 0
    steps: int | None = None
    picture: bytes | str | None = None
    consent: Consent | None = None
    where: Use | None = None


async def read_form(
    request: Request,
    text: Annotated[str, Form(description="What to sign.")],
    language: Annotated[
        str | None,
        Form(description="ISO 639-3 of the sign language: one of /v1/languages; by default the first."),
    ] = None,
    seed: Annotated[int, Form(description="The same seed gives the same video.")] = 0,
    steps: Annotated[int | None, Form(description="Sampling steps; by default the run's.")] = None,
    signer: Annotated[
        str | None, Form(description="One of /v1/references, where no picture is sent; by default the first.")
    ] = None,
    reference: Annotated[
        UploadFile | None, File(description="A picture of the signer: PNG, JPEG, WebP.")
    ] = None,
    consent: Annotated[
        UploadFile | str | None,
        File(description="The record of the pictured person's consent, text or file. Its SHA-256 is kept."),
    ] = None,
    where: Annotated[
        Use | None, Form(description="Where the video will be shown; advice on it comes back as a warning.")
    ] = None,
) -> Ask:
    """Read a form into what it asks for; its files within their limits."""
    limits = request.app.state.studio.limits
    picture = await _picture(reference, limits.picture_bytes) or signer or None
    record = await _consent(consent, limits.consent_bytes)
    return Ask(text, language or None, seed, steps, picture, record, where)


async def _picture(sent: UploadFile | None, most: int) -> bytes | None:
    """Return the bytes of a file that was sent; a form's empty field is none."""
    if sent is None:
        return None
    content = await sent.read(most + 1)
    if len(content) > most:
        raise HTTPException(413, f"The picture is too large; send one of at most {most // 2**20} MB.")
    if not content and sent.filename:
        raise HTTPException(422, "The reference is an empty file; give a PNG, JPEG or WebP of the signer.")
    return content


async def _consent(sent: UploadFile | str | None, most: int) -> Consent | None:
    """Hash a record of consent; what it says is kept by nobody here."""
    if sent is None or isinstance(sent, str):
        name, content = "text", (sent or "").encode("utf-8", "backslashreplace")
    else:
        name, content = sent.filename or "file", await sent.read(most + 1)
    if len(content) > most:
        raise HTTPException(
            413, f"The record of consent is too large; send one of at most {most // 2**20} MB."
        )
    return Consent(name[:80], hashlib.sha256(content).hexdigest()) if content.strip() else None
