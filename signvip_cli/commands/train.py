"""`signvip train`: one stage of the paper, in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from signvip.config import RunConfig


def train(
    stage: Annotated[int, typer.Option("--stage", min=1, max=3, help="1 video, 2 tokens, 3 text.")],
    shards: Annotated[Path, typer.Option("--shards", metavar="FOLDER", help="Shards to train on.")] = SHARDS,
    run: Run = RUN,
    preset: Preset = None,
    config: ConfigFile = None,
    settings: Settings = None,
    quantizer: Annotated[str | None, typer.Option("--quantizer", metavar="NAME", help="fsq, vq ...")] = None,
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
    """Train one stage of the paper; started again, it goes on where it stopped.

    Stage 1 trains the video diffusion model, stage 2 the tokens around a quantizer, stage 3 the translator.
    Checkpoints, metrics.jsonl and TensorBoard logs go to training/ in the run.

    Examples:

      signvip train --stage 1

      signvip train --stage 2 --quantizer vq --set quantizer.codebook_size=1024

      signvip train --stage 3 --run runs/mine --steps 2000
    """
    from signvip.processes import is_main
    from signvip.stages import train as train_stage
    from signvip_cli.reporter import make_reporter

    chosen = choose_config(
        run, preset, config, settings or [], {"quantizer": quantizer, "translator": translator}
    )
    chosen = override(chosen, stage, steps, condition or [])
    done = train_stage(chosen, stage, shards=shards, run=run, resume=resume, reporter=make_reporter())
    if is_main():
        print_result(str(done))


def choose_config(
    run: Path, preset: str | None, file: Path | None, settings: list[str], names: dict[str, str | None]
) -> RunConfig:
    """Merge preset, file, `--set` and the flags that name a plugin.

    A plugin's name is also laid beneath `--set`, so that in `--quantizer sign --set quantizer.channels=10`
    the option is one of `sign`, not of the quantizer that the preset names.
    """
    from signvip.run import resolve_config

    flags = {part: {"name": name} for part, name in names.items() if name is not None}
    first = [f"{part}.name={name}" for part, name in names.items() if name is not None]
    return resolve_config(run, preset, file, [*first, *settings], flags)


_TRAININGS = {
    1: ("stage1.vae", "stage1.image", "stage1.motion"),
    2: ("stage2", "stage2_poses"),
    3: ("stage3",),
}


def override(config: RunConfig, stage: int, steps: int | None, conditions: list[str]) -> RunConfig:
    """Apply `--steps` to the phases of one stage, and let `--condition` replace the preset's conditions."""
    from signvip.config import option, parse_config

    values: dict[str, Any] = config.model_dump(mode="json")
    if conditions:
        values["conditions"] = {name: values["conditions"].get(name, {}) for name in conditions}
    if steps is not None:
        for section in _TRAININGS[stage]:
            training = option(values, section)
            if training is not None:
                training["steps"] = steps
    return parse_config(values)
