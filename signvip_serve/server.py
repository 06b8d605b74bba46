"""Listen: on this machine alone, or on an address with a token."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from signvip.generate import GenerateOptions
from signvip_serve.app import create_app
from signvip_serve.guard import is_loopback
from signvip_serve.limits import Limits
from signvip_serve.studio import Studio

TOKEN = "SIGNVIP_TOKEN"
_CUT = "ASGI callable returned without completing response."  # uvicorn's words for a video that is not sent to its end


def serve(
    listener: socket.socket,
    *,
    run: str | None,
    options: GenerateOptions,
    limits: Limits,
    say: Callable[[str], None],
) -> None:
    """Load a run and serve it at an address until somebody interrupts."""
    host, port = listener.getsockname()[:2]
    studio = Studio.open(run, options, limits)
    local = is_loopback(host)
    token = os.environ.get(TOKEN) or (None if local else secrets.token_urlsafe(24))
    app = create_app(studio, token=token, local=local, example=True)
    shown = f"[{host}]" if ":" in host else host
    say(f"Serving the run '{studio.run}' on http://{shown}:{port}; Ctrl-C ends it.")
    if token is not None and TOKEN not in os.environ:
        say(f"Others reach this address, so that it wants a token ({TOKEN} sets your own): {token}")
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.getMessage() != _CUT)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    with suppress(KeyboardInterrupt):  # raised again once all has ended
        Server(config, app).run(sockets=[listener])
    if app.state.jobs.busy:  # Python aborts where it ends while a thread computes
        os._exit(0)


class Server(uvicorn.Server):
    """A server that ends at once: who interrupts it does not wait for videos."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop what is made, then whatever uvicorn ends."""
        self.app.state.jobs.stop()
        await super().shutdown(sockets)
