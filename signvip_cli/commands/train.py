"""`signvip train`: one stage of the paper, in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_result
from signvip_cli.options import (
    RUN,
    SHARDS,
    Conditions,
    ConfigFile,
    Plugins,
    Preset,
    Run,
    Settings,
    Verbose,
)


def train(
    stage: Annotated[int, typer.Option("--stage", min=1, max=3, help="1 video, 2 tokens, 3 text.")],
    shards: Annotated[Path, typer.Option("--shards", metavar="FOLDER", help="Shards to train on.")] = SHARDS,
    run: Run = RUN,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="RUN", help="Begin with the weights and options of this run (or: embedded)."
        ),
    ] = None,
    preset: Preset = None,
    config: ConfigFile = None,
    settings: Settings = None,
    quantizer: Annotated[str | None, typer.Option("--quantizer", metavar="NAME", help="fsq, vq ...")] = None,
    denoiser: Annotated[
        str | None, typer.Option("--denoiser", metavar="NAME", help="animatediff ...")
    ] = None,
    translator: Annotated[str | None, typer.Option("--translator", metavar="NAME", help="gpt2 ...")] = None,
    condition: Conditions = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on where training stopped, or start it again.")
    ] = True,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Steps of each phase of this stage.")
    ] = None,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Train one stage of the paper. Started again, it goes on where it stopped.

    Stage 1 trains the video diffusion model, stage 2 the tokens around a quantizer, stage 3 the translator.
    Checkpoints, metrics.jsonl and TensorBoard logs go to training/ in the run.

    Examples:

      signvip train --stage 1

      signvip train --stage 2 --quantizer vq --set quantizer.codebook_size=1024

      signvip train --stage 3 --run runs/mine --steps 2000

      signvip train --stage 3 --from embedded --run runs/words --shards data/words
    """
    from signvip.run import training_config
    from signvip.stages import train as train_stage
    from signvip.storage.processes import is_main
    from signvip_cli.reporter import make_reporter

    chosen = training_config(
        run, stage, start=start, preset=preset, file=config, settings=settings or (), conditions=condition or (),
        steps=steps,
        plugins={"denoiser": denoiser, "quantizer": quantizer, "translator": translator},
    )  # fmt: skip
    done = train_stage(chosen, stage, shards=shards, run=run, resume=resume, reporter=make_reporter())
    if is_main():
        print_result(str(done))
