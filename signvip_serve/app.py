"""The application: the routes of one model, behind a guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

import signvip
from signvip.dress import STYLESHEET
from signvip_serve import facts, files, videos
from signvip_serve.answers import Refusal, Responses
from signvip_serve.api_page import render
from signvip_serve.guard import Guard
from signvip_serve.jobs import Jobs
from signvip_serve.studio import Studio

STATIC = Path(__file__).parent / "static"
# The page loads nothing from elsewhere, whatever a text or a picture's name says.
POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}
ALWAYS: Responses = {
    401: {"model": Refusal, "description": "The server wants a token, and this is not it."},
    403: {
        "model": Refusal,
        "description": "The request comes from another machine's name or another site's page.",
    },
    422: {"model": Refusal, "description": "It cannot be made."},
}


def create_app(
    studio: Studio, *, token: str | None = None, local: bool = False, example: bool = False
) -> FastAPI:
    """Build the application of one model.

    `local` answers to names of this machine only; `example` begins with a video, which the page shows.
    """
    limits = studio.limits

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        app.state.jobs = Jobs(limits, studio.example if example else None)
        yield
        await run_in_threadpool(app.state.jobs.close)

    app = FastAPI(
        title="SignViP",
        version=signvip.__version__,
        summary="Generated signing: from a sentence and a picture to a video, sent while it is made.",
        lifespan=living,
        docs_url=None,  # both load from elsewhere
        redoc_url=None,
    )
    app.state.studio = studio
    app.add_middleware(Guard, body=limits.body, token=token, local=local)
    app.add_exception_handler(RequestValidationError, _one_sentence)
    asks = [] if token is None else [Depends(HTTPBearer(auto_error=False, description="The server's token."))]
    for routes in (videos, facts, files):
        app.include_router(routes.router, dependencies=asks, responses=ALWAYS)  # the guard looks at the token
    _add_page(app)
    return app


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers=POLICY)

    @app.get("/static/base.css", include_in_schema=False)
    async def dress() -> FileResponse:
        return FileResponse(STYLESHEET, media_type="text/css")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()), headers=POLICY)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


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
