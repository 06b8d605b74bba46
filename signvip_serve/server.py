"""Listen: on this machine alone, or on an address with a token."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import uvicorn

from signvip.generate import GenerateOptions
from signvip_serve.app import create_app
from signvip_serve.guard import is_loopback
from signvip_serve.limits import Limits
from signvip_serve.studio import Studio

TOKEN = "SIGNVIP_TOKEN"


def serve(
    host: str,
    port: int,
    *,
    run: str | None,
    options: GenerateOptions,
    limits: Limits,
    say: Callable[[str], None],
) -> None:
    """Load a run and serve it until somebody interrupts."""
    local = is_loopback(host)
    token = os.environ.get(TOKEN) or (None if local else secrets.token_urlsafe(24))
    studio = Studio.open(run, options, limits)
    app = create_app(studio, token=token, local=local)
    shown = f"[{host}]" if ":" in host else host
    say(f"Serving the run '{studio.run}' on http://{shown}:{port}; Ctrl-C ends it.")
    if token is not None and TOKEN not in os.environ:
        say(f"Others reach this address, so that it wants a token ({TOKEN} sets your own): {token}")
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=5)
