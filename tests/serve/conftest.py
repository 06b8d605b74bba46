"""A server on a free port, asked over real HTTP, with the small run of all tests."""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serve_helpers import Words, until


@dataclass
class Served:
    studio: Any  # with what the server makes
    client: Any  # of httpx


@pytest.fixture(scope="session")
def installed():
    """Skip where the extra `serve` is not installed."""
    for name in ("fastapi", "uvicorn", "python_multipart", "httpx"):
        pytest.importorskip(name, reason="the extra `serve` is not installed")


@pytest.fixture(scope="session")
def studio(installed, trained):
    from signvip.generate import GenerateOptions
    from signvip_serve.limits import Limits
    from signvip_serve.studio import Studio

    return Studio.open(str(trained.run), GenerateOptions(device="cpu"), Limits())


@pytest.fixture(scope="session")
def serving(installed, request):
    """serving(waiting=1, token="x") starts a server with these limits; with `words`, of a studio that makes words."""
    import httpx
    import uvicorn

    from signvip_serve.app import create_app
    from signvip_serve.limits import Limits
    from signvip_serve.pace import Pace

    @contextmanager
    def serving(token=None, local=True, words=False, example=False, **limits):
        given = Limits(**limits)
        chosen = (
            Words(given) if words else replace(request.getfixturevalue("studio"), limits=given, pace=Pace())
        )
        app = create_app(chosen, token=token, local=local, example=example)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            until(lambda: server.started)
            port = server.servers[0].sockets[0].getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                yield Served(chosen, client)
        finally:
            server.should_exit = True
            thread.join(20)
        assert not thread.is_alive()

    return serving


@pytest.fixture(scope="session")
def picture():
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
