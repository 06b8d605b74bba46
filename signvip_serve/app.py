"""The routes: a form in, a video out while it is made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

import signvip
from signvip.errors import SignVipError
from signvip_serve.guard import Guard
from signvip_serve.jobs import Full, Job, Jobs, Taken
from signvip_serve.studio import Ask, Studio

STATIC = Path(__file__).parent / "static"
# The page loads nothing from elsewhere, whatever a text or a picture's name says.
POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}
LOOK = 0.25  # seconds between two looks whether the client is still there
NAME = r"^[A-Za-z0-9-]{8,64}$"


def create_app(studio: Studio, *, token: str | None = None, local: bool = False) -> FastAPI:
    """Build the application of one model; `local` answers to names of this machine only."""
    limits = studio.limits

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        app.state.jobs = Jobs(limits)
        yield
        await run_in_threadpool(app.state.jobs.close)

    app = FastAPI(
        title="SignViP",
        version=signvip.__version__,
        summary="Generated signing: from a sentence and a picture to a video, sent while it is made.",
        lifespan=living,
    )
    app.add_middleware(Guard, body=limits.body, token=token, local=local)
    app.add_exception_handler(RequestValidationError, _one_sentence)
    _add_generate(app, studio)
    _add_facts(app, studio)
    _add_page(app)
    return app


def _add_generate(app: FastAPI, studio: Studio) -> None:
    @app.post(
        "/v1/generate",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"video/mp4": {}}, "description": "A fragmented mp4 that plays as it arrives."},
            413: {"description": "The request is too large."},
            422: {"description": "It cannot be made; `detail` says why, in one sentence."},
            429: {"description": "The queue is full."},
        },
    )
    async def generate(
        request: Request,
        text: Annotated[str, Form(description="The sentence to sign.")],
        language: Annotated[str | None, Form(description="ISO 639-3 of the sign language.")] = None,
        seed: Annotated[int, Form(description="The same seed gives the same video.")] = 0,
        steps: Annotated[int | None, Form(description="Sampling steps; by default the run's.")] = None,
        signer: Annotated[str | None, Form(description="One of /v1/references.")] = None,
        job: Annotated[
            str | None, Form(pattern=NAME, description="A name of your own, to ask /v1/jobs by.")
        ] = None,
        reference: Annotated[UploadFile | None, File(description="A picture of the signer.")] = None,
    ) -> Response:
        """Make a signing video, and send it while it is made. To close the connection stops the work."""
        picture = await _content(reference, studio.limits.picture_bytes) or signer or None
        ask = Ask(text, language or None, seed, steps, picture)
        try:
            await run_in_threadpool(studio.check, ask)
            mine = request.app.state.jobs.submit(lambda made: studio.make(ask, made), job)
        except SignVipError as error:
            raise HTTPException(422, str(error)) from error
        except Full:
            raise HTTPException(
                429, "As many requests wait as can; ask again in a while.", {"Retry-After": "10"}
            ) from None
        except Taken:
            raise HTTPException(409, "Another request has this name; choose a new one.") from None
        return await _respond(request, mine)


def _add_facts(app: FastAPI, studio: Studio) -> None:
    @app.get("/v1/languages")
    async def languages() -> list[dict[str, str]]:
        """Return the sign languages of the model, by ISO 639-3."""
        return [{"code": code} for code in studio.languages]

    @app.get("/v1/references")
    async def references() -> list[dict[str, str]]:
        """Return the pictures of signers that ship with the model."""
        return [{"name": one.name, "picture": f"/v1/references/{one.name}"} for one in studio.references]

    @app.get("/v1/references/{name}", response_class=Response)
    async def reference(name: str) -> Response:
        """Return one of these pictures."""
        found = next((one for one in studio.references if one.name == name), None)
        if found is None:
            raise HTTPException(404, "There is no such picture; choose one of /v1/references.")
        png = found.content.startswith(b"\x89PNG")
        return Response(found.content, media_type="image/png" if png else "image/jpeg")

    @app.get("/v1/health")
    async def health(request: Request) -> dict[str, Any]:
        """Say that the server is there, with which model, and how many wait."""
        waiting = request.app.state.jobs.waiting
        return {"status": "ok", "model": studio.run, "version": signvip.__version__, "waiting": waiting}

    @app.get("/v1/jobs/{name}")
    async def job(request: Request, name: str) -> dict[str, Any]:
        """Return a request's state, how many are made before it, and what its sidecar says."""
        return _told(request.app.state.jobs, _find(request, name))

    @app.delete("/v1/jobs/{name}")
    async def cancel(request: Request, name: str) -> dict[str, Any]:
        """Take a request out of the queue, or stop its making."""
        found = _find(request, name)
        request.app.state.jobs.cancel(found)
        return _told(request.app.state.jobs, found)


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers=POLICY)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def _find(request: Request, name: str) -> Job:
    found: Job | None = request.app.state.jobs.get(name)
    if found is None:
        raise HTTPException(404, "There is no such request, or it ended long ago; make a new one.")
    return found


def _told(jobs: Jobs, job: Job) -> dict[str, Any]:
    error = str(job.error) if isinstance(job.error, SignVipError) else job.error and "a defect"
    return {"job": job.name, "state": job.state, "place": jobs.place(job), "error": error, "facts": job.facts}


async def _content(reference: UploadFile | None, most: int) -> bytes | None:
    """Return the bytes of a file that was sent; a form's empty field is none."""
    if reference is None:
        return None
    content = await reference.read(most + 1)
    if len(content) > most:
        raise HTTPException(413, f"The picture is too large; send one of at most {most // 2**20} MB.")
    if not content and reference.filename:
        raise HTTPException(422, "The reference is an empty file; give a PNG, JPEG or WebP of the signer.")
    return content


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
        finally:
            request.app.state.jobs.cancel(job)

    headers = {"Signvip-Job": job.name, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    headers |= {f"Signvip-{name}": json.dumps(job.facts.get(name.lower())) for name in ("Frames", "Warnings")}
    return StreamingResponse(body(), media_type="video/mp4", headers=headers)


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
            elif await request.is_disconnected():
                return
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await waiting
        if not job.ended:
            request.app.state.jobs.cancel(job)


async def _one_sentence(request: Request, error: Exception) -> JSONResponse:
    """Tell the first of a form's mistakes in one sentence, as all refusals are told."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = str(first["loc"][-1])
    if first["type"] == "missing":
        told = f"The field '{field}' is missing; fill it in."
    else:
        told = f"The field '{field}' cannot be read ({first['msg'].lower()}); see /docs for what it may be."
    return JSONResponse({"detail": told}, 422)
