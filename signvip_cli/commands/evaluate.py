"""`signvip evaluate`: how good a run is, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.imports import heavy_imports
from signvip_cli.options import (
    SHARDS,
    BackTranslators,
    Clips,
    Device,
    Json,
    Metrics,
    Plugins,
    Precision,
    Seed,
    Split,
    Steps,
    Verbose,
    Weights,
    read_weights,
)

OUT = Path("outputs/evaluation")


def evaluate(
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="FOLDER", help="A run, or embedded; by default your run, or else embedded."
        ),
    ] = None,
    shards: Annotated[Path, typer.Option("--shards", metavar="FOLDER", help="Clips to measure on.")] = SHARDS,
    metric: Metrics = None,
    clips: Clips = None,
    split: Split = "test",
    weights: Weights = None,
    evaluator: BackTranslators = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for results.json.")
    ] = OUT,
    steps: Steps = None,
    seed: Seed = 0,
    device: Device = None,
    dtype: Precision = None,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Measure a run on clips that training never saw: ground truth, clips from true conditions, clips from the text.

    Computes what it can, says what it left out and why, and writes results.json. Without a run of your own, the model
    that travels with the package is measured.

    Examples:

      signvip evaluate

      signvip evaluate --run runs/default --shards data/shards --metric ssim --metric psnr --clips 8

      signvip evaluate --back-translator runs/evaluator-video --metric bleu --metric rouge_l

      signvip evaluate --metric fid --weights fid=inception-2015-12-05.pt --json
    """
    networks = read_weights(weights)

    with heavy_imports():
        from signvip.generate import GenerateOptions
        from signvip_lab.evaluation.evaluate import EvaluateOptions
        from signvip_lab.evaluation.evaluate import evaluate as measure
        from signvip_lab.evaluation.results import table
    from signvip_cli.reporter import make_reporter

    options = EvaluateOptions(
        metrics=tuple(metric or ()), clips=clips, split=split, weights=networks, evaluators=tuple(evaluator or ()),
        sampling=GenerateOptions(steps=steps, seed=seed, device=device, dtype=dtype),
    )  # fmt: skip
    found = measure(shards, out, run=run, options=options, reporter=make_reporter())
    if json:
        print_json(found.as_json())
        return
    for line in table(found):
        print_result(line)
    print_result(str(out / "results.json"))
