"""The routes that tell: what the server knows, and how far a request is."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

import signvip
from signvip.data.language_names import language_name
from signvip.errors import SignVipError
from signvip.origin.verification import verify
from signvip.origin.wording import say
from signvip_serve.answers import (
    Facts,
    Health,
    JobState,
    Language,
    Place,
    Reference,
    Refusal,
    Responses,
)
from signvip_serve.jobs import VIDEO, Job, Jobs
from signvip_serve.uses import USES, advice

UNKNOWN: Responses = {404: {"model": Refusal, "description": "There is none, or it is forgotten."}}
router = APIRouter(tags=["facts"])


@router.get("/v1/languages", response_model_exclude_none=True)
async def languages(request: Request) -> list[Language]:
    """Return the sign languages of the model, with their names and, where it spells, their letters."""
    studio = request.app.state.studio
    named = [language_name(code) for code in studio.languages]
    seen = studio.seen
    return [
        Language(code=one.code, name=one.name, own_name=one.own_name, letters=seen and seen.letters(one.code))
        for one in named
    ]


@router.get("/v1/references")
async def references(request: Request) -> list[Reference]:
    """Return the pictures of signers that ship with the model."""
    shipped = request.app.state.studio.references
    return [Reference(name=one.name, picture=f"/v1/references/{one.name}") for one in shipped]


@router.get(
    "/v1/references/{name}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}, **UNKNOWN},
)
async def reference(request: Request, name: str) -> Response:
    """Return one of these pictures."""
    found = next((one for one in request.app.state.studio.references if one.name == name), None)
    if found is None:
        raise HTTPException(404, "There is no such picture; choose one of /v1/references.")
    png = found.content.startswith(b"\x89PNG")
    return Response(found.content, media_type="image/png" if png else "image/jpeg")


@router.get("/v1/uses")
async def uses() -> list[Place]:
    """Return where a video may be shown, for the form's field `where`, and what deaf bodies advise about it."""
    return [Place(use=use, advice=" ".join(advice(use))) for use in USES]


@router.get("/v1/health")
async def health(request: Request) -> Health:
    """Say that the server is there, with which model, and how many wait. It wants no token."""
    studio, jobs = request.app.state.studio, request.app.state.jobs
    return Health(
        status="warming" if jobs.warming else "ok",
        model=studio.run,
        version=signvip.__version__,
        waiting=jobs.waiting,
        poses=studio.has_poses,
    )


@router.get("/v1/jobs/{name}", responses=UNKNOWN)
async def job(request: Request, name: str) -> JobState:
    """Return a request's state, how many are made before it, and what is known of its video."""
    found = find(request, name)
    if found.state == "done" and "says" not in found.facts.get("origin", {"says": ()}):
        await run_in_threadpool(_verify, found)
    return _told(request.app.state.jobs, found)


@router.delete("/v1/jobs/{name}", responses=UNKNOWN)
async def cancel(request: Request, name: str) -> JobState:
    """Take a request out of the queue, or stop its making."""
    found = find(request, name)
    request.app.state.jobs.cancel(found)
    return _told(request.app.state.jobs, found)


def find(request: Request, name: str) -> Job:
    """Return a request by its name; 404 for one that never was or is forgotten."""
    found: Job | None = request.app.state.jobs.get(name)
    if found is None:
        raise HTTPException(404, "There is no such request, or it ended long ago; make a new one.")
    return found


def _verify(job: Job) -> None:
    """Note what a finished video says of its origin, in words."""
    found = replace(
        verify(job.folder / VIDEO), file=VIDEO
    )  # where it is on this machine is nobody's business
    says = [line.strip() for line in say(found)]
    job.facts["origin"] = {**job.facts["origin"], "says": says, "holds": not found.broken}


def _told(jobs: Jobs, job: Job) -> JobState:
    error = None
    if job.error is not None:
        error = str(job.error) if isinstance(job.error, SignVipError) else "A defect of the server ended it."
    facts = Facts.model_validate(dict(job.facts))
    return JobState(job=job.name, state=job.state, place=jobs.place(job), error=error, facts=facts)
