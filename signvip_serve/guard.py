"""Who may ask, and how large a request may be: looked at before anything reads it."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/v1/health",)  # whoever watches over a server has no token


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on that address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuse whoever has no token, pages of other sites, and bodies that are too long."""

    def __init__(self, app: ASGIApp, *, body: int, token: str | None, local: bool) -> None:
        self.app, self.body, self.token, self.local = app, body, token, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        refused = self._refuse(scope, headers)
        if refused is not None:
            return await refused(scope, receive, send)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.body:
                raise HTTPException(413, self._too_large)  # whoever parses forms lets this one through
            return message

        await self.app(scope, counted, send)

    def _refuse(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.local and not is_loopback(urlsplit(f"//{host}").hostname or ""):  # another name leads here
            return _sentence(403, "This server answers its own machine only; ask for http://127.0.0.1.")
        if origin is not None and urlsplit(origin).netloc != host:
            return _sentence(403, "Pages of other sites cannot ask this server; open its own page.")
        if self.token is not None and scope["path"].startswith("/v1/") and scope["path"] not in OPEN:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                refused = _sentence(
                    401, "This server wants a token; send the header Authorization: Bearer TOKEN."
                )
                refused.headers["www-authenticate"] = "Bearer"
                return refused
        length = headers.get("content-length", "0")
        return _sentence(413, self._too_large) if not length.isdigit() or int(length) > self.body else None

    @property
    def _too_large(self) -> str:
        return f"The request is too large; send a picture and a text of {self.body} bytes in all."


def _sentence(status: int, told: str, **more: Any) -> JSONResponse:
    return JSONResponse({"detail": told, **more}, status)
