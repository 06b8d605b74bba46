"""The routes that make: a form in, a video out while it is made, or what can be told of it beforehand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import cache
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Send

from signvip.errors import SignVipError
from signvip_serve.answers import Check, Refusal, Responses
from signvip_serve.forms import Ask, read_form
from signvip_serve.jobs import Full, Job, Taken

LOOK = 0.25  # seconds between two looks whether the client is still there
NAME = r"^[A-Za-z0-9-]{8,64}$"
REFUSED: Responses = {
    413: {"model": Refusal, "description": "The request is too large."},
    422: {"model": Refusal, "description": "It cannot be made."},
}
logger = logging.getLogger(__name__)
router = APIRouter(tags=["videos"])


@cache
def _looking() -> CapacityLimiter:
    """Let one request be looked at after the other: a large picture takes a hundred times its file in memory."""
    return CapacityLimiter(1)


@router.post(
    "/v1/generate",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "A fragmented mp4 that plays as it arrives."},
        409: {"model": Refusal, "description": "The name is taken, or the request was cancelled."},
        429: {"model": Refusal, "description": "The queue is full."},
        **REFUSED,
    },
)
async def generate(
    request: Request,
    ask: Annotated[Ask, Depends(read_form)],
    job: Annotated[
        str | None, Form(pattern=NAME, description="A name of your own, to ask /v1/jobs by.")
    ] = None,
) -> Response:
    """Make a signing video, and send it while it is made. To close the connection stops the work.

    The header `Signvip-Job` has the name to ask /v1/jobs by, `Signvip-Frames` how many frames there will be, and
    `Signvip-Warnings` a list of sentences, both as JSON.
    """
    studio = request.app.state.studio
    try:
        order = await to_thread.run_sync(studio.order, ask, limiter=_looking())
        mine = request.app.state.jobs.submit(lambda made: studio.make(order, made), job)
    except SignVipError as error:
        raise HTTPException(422, str(error)) from error
    except Full:
        raise HTTPException(
            429, "As many requests wait as can; ask again in a while.", {"Retry-After": "10"}
        ) from None
    except Taken:
        raise HTTPException(409, "Another request has this name; choose a new one.") from None
    return await _respond(request, mine)


@router.post("/v1/check", responses=REFUSED)
async def check(request: Request, ask: Annotated[Ask, Depends(read_form)]) -> Check:
    """Tell of a form what can be known before making: what the run never saw, and how long it takes."""
    try:
        told = await to_thread.run_sync(request.app.state.studio.check, ask, limiter=_looking())
    except SignVipError as error:
        raise HTTPException(422, str(error)) from error
    warnings, frames, seconds = told
    return Check(warnings=list(warnings), frames=frames, seconds=seconds)


async def _respond(request: Request, job: Job) -> Response:
    """Wait for the first piece, so that what cannot be made has a status that says so; then send the rest."""
    pieces = _pieces(request, job)
    try:
        first = await anext(pieces, None)
    except SignVipError as error:
        raise HTTPException(422, str(error)) from error
    except Exception as error:
        raise HTTPException(500, "The video could not be made, by a defect of the server.") from error
    if first is None:
        raise HTTPException(409, "The request was cancelled.")

    async def body() -> AsyncIterator[bytes]:
        try:
            yield first
            async for piece in pieces:
                yield piece
        except SignVipError as error:  # by now the status is sent
            logger.warning("a video ends before its time: %s", error)
        finally:
            request.app.state.jobs.cancel(job)
        if job.state != "done":
            raise _Cut

    headers = {"Signvip-Job": job.name, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    headers |= {f"Signvip-{name}": json.dumps(job.facts.get(name.lower())) for name in ("Frames", "Warnings")}
    return _Stream(body(), media_type="video/mp4", headers=headers)


class _Cut(Exception):
    """A video ends before its time."""


class _Stream(StreamingResponse):
    """A stream that leaves its connection broken where it was cut, so that nobody takes half a video for a whole."""

    async def stream_response(self, send: Send) -> None:
        with suppress(_Cut):
            await super().stream_response(send)


async def _pieces(request: Request, job: Job) -> AsyncIterator[bytes]:
    """Yield a job's pieces; once its client has left, or stops asking, the job is cancelled."""
    waiting = asyncio.ensure_future(job.next())
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=LOOK)
            if done:
                piece = waiting.result()
                if piece is None:
                    return
                waiting = asyncio.ensure_future(job.next())
                yield piece
            elif job.left or await request.is_disconnected():
                return
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await waiting
        if not job.ended:
            request.app.state.jobs.cancel(job)
