"""`signvip ablate`: a grid over any option, and a report of what it changes."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import (
    SHARDS,
    BackTranslators,
    Clips,
    ConfigFile,
    Json,
    Metrics,
    Plugins,
    Preset,
    Settings,
    Split,
    Verbose,
    Weights,
    read_weights,
)

if TYPE_CHECKING:
    from signvip_lab.ablation.runner import Plan


def ablate(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]",
            help="conditions, compression, quantization, augmentation, sampling, quantizers, direct, samplers, or a "
            "TOML file.",
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=V1,V2", help="Vary this option, seed included (repeatable)."),
    ] = None,
    shards: Annotated[
        Path, typer.Option("--shards", metavar="FOLDER", help="Shards that all cells use.")
    ] = SHARDS,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Take from this run (or: embedded) what no cell changes."),
    ] = None,
    preset: Preset = None,
    config: ConfigFile = None,
    settings: Settings = None,
    stage: Annotated[
        int | None,
        typer.Option(
            "--stage", min=1, max=3, help="Last stage to train; by default the last one that the axes change."
        ),
    ] = None,
    metric: Metrics = None,
    clips: Clips = None,
    split: Split = "test",
    weights: Weights = None,
    evaluator: BackTranslators = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="By default outputs/ablations/STUDY."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would run, and how long it would take.")
    ] = False,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Vary options, train and measure each combination once, and write tables, figures and a page.

    Stages that cells have in common are trained once. Started again, it goes on where it stopped. Keys are those of
    --set, or short: quantizer, translator, codebook, conditions (pose+hand3d), compression, quantization, prediction,
    augmentation, sampling, steps, guidance, scheduler, seed. A study's axes can be replaced by --vary.

    Examples:

      signvip ablate --vary quantizer=fsq,vq --vary codebook=128,625,1024

      signvip ablate quantizers --from runs/default --vary seed=0,1 --dry-run

      signvip ablate samplers --from embedded --clips 8 --metric psnr --metric seconds_per_frame
    """
    networks = read_weights(weights)

    from signvip_cli.reporter import make_reporter
    from signvip_lab.ablation.ablate import Request, plan_ablation, refuse_failures
    from signvip_lab.ablation.ablate import ablate as run
    from signvip_lab.evaluation.evaluate import EvaluateOptions

    request = Request(
        shards=shards, study=study, vary=vary or (), source=source, preset=preset, file=config,
        settings=settings or (), stage=stage, out=out, command=shlex.join(["signvip", *sys.argv[1:]]),
        options=EvaluateOptions(
            metrics=tuple(metric or ()), clips=clips, split=split, weights=networks, evaluators=tuple(evaluator or ()),
        ),
    )  # fmt: skip
    if dry_run:
        show_plan(plan_ablation(request)[1], json)
        return
    records, report = run(request, make_reporter())
    if json:
        print_json([asdict(record) for record in records])
    else:
        for line in [report.table, "", *map(str, report.verdicts), *map(str, report.files)]:
            print_result(line)
    refuse_failures(records, report.files[0].parent)


def show_plan(plan: Plan, as_json: bool) -> None:
    """Print each cell with what it trains, and an estimate of the time."""
    from signvip_lab.ablation.preview import preview

    shown = preview(plan)
    if as_json:
        print_json(shown.as_json())
        return
    for line in shown.lines():
        print_result(line)
