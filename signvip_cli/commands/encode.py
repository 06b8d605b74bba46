"""`signvip encode`: add to shards what training would compute again and again."""

from __future__ import annotations

from typing import Annotated

import typer

from signvip_cli.console import print_result
from signvip_cli.imports import heavy_imports
from signvip_cli.options import RUN, SHARDS, Out, Plugins, Run, Shards, Verbose


def encode(
    shards: Shards = SHARDS,
    out: Out = None,
    run: Run = RUN,
    latents: Annotated[
        bool | None,
        typer.Option(
            "--latents/--no-latents", help="Store VAE latents; by default as soon as there is a VAE."
        ),
    ] = None,
    embeddings: Annotated[
        bool | None,
        typer.Option(
            "--embeddings/--no-embeddings", help="Store embeddings e; by default if they are small."
        ),
    ] = None,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Add VAE latents and multi-condition embeddings e to shards, in place unless OUT is given; resumes.

    This is a cache: nothing needs it. At 272x224 the dataset of the paper takes 6 GB of latents but 800 GB of e,
    so e is stored only where it is small, and computed on the fly otherwise.

    Examples:

      signvip encode

      signvip encode data/shards data/encoded --run runs/mine --no-embeddings
    """
    with heavy_imports():
        from signvip.stages.derive import encode as encode_shards
    from signvip_cli.reporter import make_reporter

    made = encode_shards(
        shards, out or shards, run=run, latents=latents, embeddings=embeddings, reporter=make_reporter()
    )
    print_result(str(made))
