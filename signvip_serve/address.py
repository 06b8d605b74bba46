"""The address to listen on, taken before anything heavy is imported."""

from __future__ import annotations

import errno
import socket

from signvip.errors import ConfigError


def take_address(host: str, port: int) -> socket.socket:
    """Take an address before anything is loaded; ConfigError where that cannot be."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"Port {port} is in use, perhaps by another server of this kind; give another by --port."
            ) from error
        if error.errno == errno.EACCES:
            raise ConfigError(
                f"Port {port} is for the administrator alone; give one above 1023 by --port."
            ) from error
        raise ConfigError(
            f"'{host}' is not an address of this machine ({error.strerror or error}); give another by --host."
        ) from error
