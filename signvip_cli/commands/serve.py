"""`signvip serve`: videos over HTTP, sent while they are made."""

from __future__ import annotations

from typing import Annotated

import typer

from signvip_cli.imports import heavy_imports, let_threads_sleep
from signvip_cli.options import Device, Plugins, Precision, Verbose


def serve(
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; any but this machine's wants a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")] = 8000,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="RUN", help="Folder, hub id, or embedded; by default your run, or else embedded."
        ),
    ] = None,
    waiting: Annotated[int, typer.Option("--waiting", min=1, help="Requests that may wait.")] = 64,
    device: Device = None,
    dtype: Precision = None,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Serve a page and an HTTP API for signing videos that play while they are made.

    The page is at /, and /docs describes the API: POST /v1/generate takes a form with text, language, seed, steps and
    the file reference. Where others than this machine can reach it, it wants a token: SIGNVIP_TOKEN, or one that it
    makes and prints. It needs an extra: pip install 'signvip[serve]'

    Examples:

      signvip serve

      signvip serve --run runs/default --port 8080

      curl -F text="snow on monday" -o snow.mp4 http://127.0.0.1:8000/v1/generate
    """
    from signvip.errors import ConfigError
    from signvip_serve.address import take_address

    let_threads_sleep()
    with take_address(host, port) as listener:
        with heavy_imports():
            try:
                from signvip_serve.limits import Limits
                from signvip_serve.server import serve as serve_at
            except ModuleNotFoundError as error:
                raise ConfigError(
                    f"The server needs {error.name}, which is not installed: pip install 'signvip[serve]'"
                ) from error
            from signvip.generate import GenerateOptions

        serve_at(
            listener,
            run=run,
            options=GenerateOptions(device=device, dtype=dtype),
            limits=Limits(waiting=waiting),
            say=lambda told: typer.echo(told, err=True),
        )
