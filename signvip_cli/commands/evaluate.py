"""`signvip evaluate`: how good a run is, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.imports import heavy_imports
from signvip_cli.options import SHARDS, Json, Plugins, Verbose

OUT = Path("outputs/evaluation")


def evaluate(
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="FOLDER", help="A run, or: embedded; by default yours, or that."),
    ] = None,
    shards: Annotated[Path, typer.Option("--shards", metavar="FOLDER", help="Clips to measure on.")] = SHARDS,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Compute this, and only those named (repeatable)."),
    ] = None,
    clips: Annotated[
        int | None, typer.Option("--clips", min=1, help="So many clips; all by default.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, dev or test.")] = "test",
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="NAME=PATH", help="The network that a metric needs (repeatable)."),
    ] = None,
    evaluator: Annotated[
        list[Path] | None,
        typer.Option(
            "--evaluator",
            metavar="FOLDER",
            help="What reads signing back into text (repeatable); by default those in runs/ that fit.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="For results.json.")] = OUT,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Denoising steps.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same numbers.")] = 0,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ...")
    ] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", metavar="NAME", help="fp32, fp16 or bf16.")] = None,
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

      signvip evaluate --evaluator runs/evaluator-video --metric bleu --metric rouge_l

      signvip evaluate --metric fid --weights fid=inception-2015-12-05.pt --json
    """
    networks = dict(read_weights(line) for line in weights or [])

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


def read_weights(line: str) -> tuple[str, Path]:
    """`NAME=PATH` as a pair; wrong usage otherwise."""
    name, separator, path = line.partition("=")
    if not (name and separator and path):
        raise typer.BadParameter(f"'{line}' is not NAME=PATH, such as fid=model.pt.", param_hint="--weights")
    return name, Path(path)
