"""The routes to what was made: the video as a file, its sidecar, and its poses."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from signvip.contracts import KEYPOINTS
from signvip.errors import SignVipError
from signvip.estimation.limbs import LIMBS
from signvip.estimation.pose_writing import write_pose
from signvip_serve.answers import Poses, Refusal, Responses, Size
from signvip_serve.facts import UNKNOWN, find
from signvip_serve.jobs import POSES, SIDECAR, VIDEO, Job

MADE: Responses = {**UNKNOWN, 409: {"model": Refusal, "description": "It is not made yet."}}
router = APIRouter(prefix="/v1/jobs/{name}", tags=["files"])


def _media(kind: str) -> Responses:
    return {200: {"content": {kind: {}}}, **MADE}


@router.get("/video", response_class=FileResponse, responses=_media("video/mp4"))
async def video(request: Request, name: str) -> FileResponse:
    """Return the finished mp4, with the mark in its pixels and, where the server can sign, a C2PA manifest."""
    return _file(_done(request, name), VIDEO, "video/mp4")


@router.get("/json", response_class=FileResponse, responses=_media("application/json"))
async def sidecar(request: Request, name: str) -> FileResponse:
    """Return the sidecar: what the video was made from, by what, and what it says of its origin."""
    return _file(_done(request, name), SIDECAR, "application/json")


@router.get("/poses", responses=MADE)
async def poses(request: Request, name: str) -> Poses:
    """Return the keypoints of all frames, as soon as making has begun."""
    job = find(request, name)
    points = await run_in_threadpool(_points, job)
    facts = job.facts
    return Poses(
        fps=facts["fps"],
        size=Size(width=facts["width"], height=facts["height"]),
        names=list(KEYPOINTS),
        points=points.round(2).tolist(),
        limbs=list(LIMBS),
    )


@router.get("/pose", response_class=Response, responses=_media("application/octet-stream"))
async def pose(request: Request, name: str) -> Response:
    """Return the keypoints as a .pose file."""
    job = find(request, name)
    content = await run_in_threadpool(_pose_file, job)
    return Response(content, media_type="application/octet-stream", headers=_called("signing.pose"))


def _done(request: Request, name: str) -> Job:
    job = find(request, name)
    if not job.ended:
        raise HTTPException(409, "The video is not made yet; ask again in a while.")
    if job.state != "done":
        raise HTTPException(404, "The video was never finished, so that there is no file; make a new one.")
    return job


def _file(job: Job, file: str, kind: str) -> FileResponse:
    path = job.folder / file
    if not path.is_file():
        raise HTTPException(404, "The video is forgotten by now; make a new one.")
    return FileResponse(path, media_type=kind, headers=_called(file) | {"Cache-Control": "no-store"})


def _called(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"'}


def _points(job: Job) -> np.ndarray:
    """Return keypoints (F, 128, 3); 404 where there are none, 409 where they are not read yet."""
    if "poses" not in job.facts and not job.ended:
        raise HTTPException(409, "The poses are not read yet; ask again in a while.")
    if not job.facts.get("poses"):
        raise HTTPException(404, "This run has no pose head, so that there are no poses of this video.")
    try:
        points: np.ndarray = np.load(job.folder / POSES, allow_pickle=False)
    except FileNotFoundError:
        raise HTTPException(404, "The poses are forgotten by now; make a new video.") from None
    return points


def _pose_file(job: Job) -> bytes:
    points, facts = _points(job), job.facts
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "signing.pose"
            write_pose(path, points, size=(facts["height"], facts["width"]), fps=facts["fps"])
            return path.read_bytes()
    except SignVipError as error:  # the library that writes them is not installed
        raise HTTPException(404, str(error)) from error
