"""`signvip train-back-translator`: what reads signing back into text, for `signvip evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import SHARDS, Json, Plugins, Settings, Verbose


def train_back_translator(
    modality: Annotated[
        str, typer.Option("--modality", metavar="NAME", help="What it reads: pose or video.")
    ],
    shards: Annotated[
        Path, typer.Option("--shards", metavar="FOLDER", help="True clips, with the splits train and dev.")
    ] = SHARDS,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="By default runs/evaluator-<modality>."),
    ] = None,
    preset: Annotated[
        str, typer.Option("--preset", metavar="NAME", help="small (embedded dataset) or slt (neccam/slt).")
    ] = "small",
    estimator: Annotated[
        str | None,
        typer.Option(
            "--estimator",
            metavar="NAME",
            help="The estimator of keypoints; by default a network trained here.",
        ),
    ] = None,
    settings: Settings = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Steps of each phase.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the first weights and of the batches.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on where training stopped, or start it again.")
    ] = True,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Train a model that reads signing, on ground truth alone. Started again, it goes on where it stopped.

    The weights that write the best texts on dev are kept and frozen. `signvip evaluate` lets the model read true
    and generated clips alike, and gives the ratio.

    Examples:

      signvip preprocess toysign data/evaluator --set dataset.train=2000 --set dataset.dev=100 --condition pose

      signvip train-back-translator --modality video --shards data/evaluator

      signvip train-back-translator --modality pose --shards data/evaluator --steps 2000
    """
    from signvip_lab.backtranslation.config import MODALITIES, load_back_translator_config

    if modality not in MODALITIES:
        raise typer.BadParameter(f"'{modality}' is neither pose nor video.", param_hint="--modality")

    from signvip.storage.processes import is_main
    from signvip_cli.reporter import make_reporter
    from signvip_lab.backtranslation.train import train_back_translator as train

    flags: dict[str, Any] = {"modality": modality, "seed": seed, "estimator": estimator}
    if steps is not None:
        flags |= {"poses": {"steps": steps}, "texts": {"steps": steps}}
    config = load_back_translator_config(preset, settings or [], flags)
    folder = out or Path(f"runs/evaluator-{modality}")
    reporter = make_reporter()
    found = train(config, shards=shards, out=folder, resume=resume, reporter=reporter)
    if not is_main():
        return
    reporter.say(describe(found.about))
    if json:
        print_json(found.about)
    else:
        print_result(str(folder))


def describe(about: dict[str, Any]) -> str:
    """Return one sentence: how good it is on dev."""
    known = about["oracle"]
    beside = f"; an oracle that knows the glosses has {known['bleu4']:.2f}" if known else ""
    return (
        f"BLEU-4 on {about['n']['dev']} dev clips: {about['dev']['bleu4']:.2f} with {about['beams']} beams, at step "
        f"{about['step']}{beside}."
    )
