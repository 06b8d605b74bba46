"""`signvip preprocess`: a dataset to shards of frames, texts and conditions."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import (
    SHARDS,
    Conditions,
    ConfigFile,
    Executor,
    Executors,
    Json,
    Plugins,
    Preset,
    RetryFailed,
    Settings,
    Verbose,
    parse_size,
)

if TYPE_CHECKING:
    from signvip.data.preprocess import Share


class Fit(StrEnum):
    """A crop about the middle, as in the paper, or black margins."""

    crop = "crop"
    pad = "pad"


EXAMPLE = Path("ref.png")


def preprocess(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="A dataset by name, or its folder; by default the preset's: toysign."
        ),
    ] = None,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the shards.")] = SHARDS,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="The dataset that SOURCE is; see: signvip plugins."),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text", metavar="FILE", help="One text per line, for a dataset that signs what it is given."
        ),
    ] = None,
    condition: Conditions = None,
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "--estimator",
            metavar="NAME",
            help="An estimator of keypoints or hands for real clips (repeatable).",
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="HxW", help="Frame size, such as 64x64.")
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", min=0.1, help="Frames per second.")] = None,
    fit: Annotated[
        Fit, typer.Option("--fit", help="How clips of another aspect are made to fit.")
    ] = Fit.crop,
    video: Annotated[
        bool,
        typer.Option(
            "--video/--no-video", help="Store frames. Without them, shards train stages 2 and 3 only."
        ),
    ] = True,
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="NAME", help="train, dev or test (repeatable).")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=0, help="Processes beside this one: by default 2, on a cluster one a core."
        ),
    ] = None,
    executor: Executors = Executor.local,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit",
            min=1.0,
            metavar="SECONDS",
            help="Longest time for one clip, which is then left out.",
        ),
    ] = 600.0,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="I/N", help="Do share I of N, as in a job array; afterwards run once without."
        ),
    ] = None,
    retry_failed: RetryFailed = False,
    preset: Preset = None,
    config: ConfigFile = None,
    settings: Settings = None,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Turn a dataset into shards. Started again, it resumes.

    Clips that fail go to failed.jsonl, with the reason. Size, fps and conditions come from the preset unless
    given; options of the reader are set by --set dataset.KEY=VALUE. A dataset that is drawn also leaves ref.png here,
    a picture of a signer that training does not see, unless there is one.

    Examples:

      signvip preprocess

      signvip preprocess toysign data/small --set dataset.train=40 --condition pose

      signvip preprocess lexicon data/names --text names.txt --size 128x128

      signvip preprocess my-poses data/poses --dataset poses --no-video

      signvip preprocess /data/mine data/mine --dataset folder --size 128x96 --workers 8

      signvip preprocess /data/how2sign data/how2sign --dataset how2sign --preset how2sign --shard 3/16

      signvip preprocess data/mine-again --retry-failed --time-limit 1800
    """
    shape, share = parse_size(size), parse_share(shard)

    from signvip.contracts import SPLITS
    from signvip.data.executors import choose_executor
    from signvip.stages.prepare import prepare
    from signvip_cli.reporter import make_reporter

    if workers is None and executor is Executor.local:
        workers = 2
    reporter = make_reporter()
    result = prepare(
        source, out, dataset=dataset, text=text, conditions=condition or (), estimators=estimator or (), size=shape,
        fps=fps, fit=fit.value, video=video, splits=tuple(split or SPLITS), share=share, retry_failed=retry_failed,
        executor=choose_executor(executor.value, workers, time_limit), preset=preset, file=config,
        settings=settings or (), example=EXAMPLE, reporter=reporter,
    )  # fmt: skip
    if json:
        counts = {"summary": asdict(result.summary)}
        print_json({"shards": str(out), **result.manifest.model_dump(mode="json"), **counts})
        return
    for name, value in result.summary.lines():
        reporter.say(f"{name:<8} {value}")
    print_result(str(out))


def parse_share(text: str | None) -> Share | None:
    """`I/N` as a share; wrong usage otherwise."""
    from signvip.data.preprocess import Share

    if text is None:
        return None
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise typer.BadParameter(
            f"'{text}' is not a share; write I/N with I from 1 to N, such as 1/8.", param_hint="--shard"
        )
    return Share(int(number), int(of))
