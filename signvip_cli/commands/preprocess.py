"""`signvip preprocess`: a corpus to shards of frames, texts and conditions."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import (
    SHARDS,
    Conditions,
    ConfigFile,
    Json,
    Plugins,
    Preset,
    Settings,
    Verbose,
    parse_size,
)

if TYPE_CHECKING:
    from signvip.config import RunConfig
    from signvip.contracts import DatasetReader, Estimator
    from signvip.data.executors import Executor as Makes
    from signvip.data.preprocess import Result, Share
    from signvip.data.sample import Recipe
    from signvip.progress import Reporter

FOLDER = "folder"


class Executor(StrEnum):
    """Who makes the samples."""

    local = "local"
    ray = "ray"


class Fit(StrEnum):
    """A crop about the middle, as in the paper, or black margins."""

    crop = "crop"
    pad = "pad"


EXAMPLE = Path("ref.png")
OF_THE_DATA = ("dataset.", "estimator.")
DEFAULT_ESTIMATOR = "mediapipe"  # runs offline and on a CPU


def preprocess(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="A corpus by name, or its folder; by default the preset's, toysign."
        ),
    ] = None,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the shards.")] = SHARDS,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="The reader; see: signvip plugins.")
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text", metavar="FILE", help="A text a line, for a dataset that signs what it is given."
        ),
    ] = None,
    condition: Conditions = None,
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "--estimator", metavar="NAME", help="What finds keypoints and hands in real clips (repeatable)."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="HxW", help="Frame size, such as 64x64.")
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", min=0.1, help="Frames a second.")] = None,
    fit: Annotated[Fit, typer.Option("--fit", help="How another aspect is met.")] = Fit.crop,
    video: Annotated[
        bool,
        typer.Option(
            "--video/--no-video", help="Store frames; without, shards train stages 2 and 3, and not stage 1."
        ),
    ] = True,
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="NAME", help="train, dev or test (repeatable).")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes beside this one.")] = 2,
    executor: Annotated[
        Executor, typer.Option("--executor", help="Processes on this machine, or a Ray cluster.")
    ] = Executor.local,
    time_limit: Annotated[
        float,
        typer.Option("--time-limit", min=1.0, metavar="SECONDS", help="For one clip; then it is left out."),
    ] = 600.0,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="I/N", help="Do share I of N, as a job array does; then run once without."
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the clips of failed.jsonl again.")
    ] = False,
    preset: Preset = None,
    config: ConfigFile = None,
    settings: Settings = None,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Turn a corpus into shards; started again, it resumes.

    Clips that fail go to failed.jsonl, with the reason. Size, fps and conditions come from the preset unless
    given; options of the reader are set by --set dataset.KEY=VALUE. Of a corpus that is drawn a picture ref.png
    of an unseen signer is left here, if there is none.

    Examples:

      signvip preprocess

      signvip preprocess toysign data/small --set dataset.train=40 --condition pose

      signvip preprocess lexicon data/names --text names.txt --size 128x128

      signvip preprocess my-poses data/poses --dataset poses --no-video

      signvip preprocess /corpora/mine data/mine --dataset folder --size 128x96 --workers 8

      signvip preprocess /corpora/how2sign data/how2sign --dataset how2sign --preset how2sign --shard 3/16

      signvip preprocess data/mine-again --retry-failed --time-limit 1800
    """
    shape, share = parse_size(size), parse_share(shard)

    from signvip.contracts import SPLITS
    from signvip.data.sample import Recipe
    from signvip_cli.reporter import make_reporter

    values, options = read_settings(settings or [])
    wanted = choose(preset, config, values, condition or [], shape, fps)
    reader = open_corpus(source, dataset, options.get("dataset", {}), wanted, text)
    estimators = choose_estimators(reader, wanted, estimator or [], options.get("estimator", {}))
    reporter = make_reporter()
    recipe = Recipe.of(reader, wanted, estimators, fit.value, video)
    refuse_blind(recipe)
    makes = choose_executor(executor, workers, time_limit)
    result = _run(recipe, out, tuple(split or SPLITS), makes, share, retry_failed, reporter)
    if hasattr(reader, "portrait"):
        leave_example(reader, EXAMPLE, reporter)
    if json:
        counts = {"summary": asdict(result.summary)}
        print_json({"shards": str(out), **result.manifest.model_dump(mode="json"), **counts})
        return
    for name, value in result.summary.lines():
        reporter.say(f"{name:<8} {value}")
    print_result(str(out))


def read_settings(settings: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Part `--set` values in those of the configuration and those of `dataset.KEY` and `estimator.NAME.KEY`."""
    from signvip.config import merge, parse_setting

    options: dict[str, Any] = {}
    for setting in settings:
        if setting.startswith(OF_THE_DATA):
            options = merge(options, parse_setting(setting))
    return [setting for setting in settings if not setting.startswith(OF_THE_DATA)], options


def choose(
    preset: str | None,
    file: Path | None,
    settings: list[str],
    conditions: list[str],
    size: tuple[int, int] | None,
    fps: float | None,
) -> RunConfig:
    """The configuration whose size, fps and conditions the shards shall have."""
    from signvip.config import load_config, parse_config
    from signvip.run import default_preset

    flags = {key: value for key, value in {"size": size, "fps": fps}.items() if value is not None}
    config = load_config(preset or default_preset(), file, settings, flags)
    if not conditions:
        return config
    chosen = {name: config.conditions.get(name, {}) for name in conditions}
    return parse_config({**config.model_dump(mode="json"), "conditions": chosen})


def open_corpus(
    source: str | None,
    dataset: str | None,
    options: dict[str, Any],
    config: RunConfig,
    text: Path | None = None,
) -> DatasetReader:
    """Build the reader: SOURCE is its name, or a folder that goes to its option `source`.

    A reader that draws its clips has options `size` and `fps`, and is asked for what the shards shall have; one that
    signs a given `text` has that option.
    """
    from signvip.errors import ConfigError
    from signvip.registry import build, registry

    if source is None and dataset is None:
        source, options = config.dataset.name, {**config.dataset.options, **options}
    source = source or dataset or ""
    known = registry().names("dataset")
    is_name = source in known and (dataset or source) == source
    name = dataset or (FOLDER if not is_name and Path(source).exists() else source)
    fields = getattr(getattr(registry().get("dataset", name), "Config", None), "model_fields", {})
    if text is not None and "text" not in fields:
        raise ConfigError(
            f"The dataset {name} has its own texts; leave --text out, or take --dataset lexicon."
        )
    given = {"size": config.size, "fps": config.fps, "source": source}
    if text is not None:
        given["text"] = text
    taken = {key: value for key, value in given.items() if key in fields and (key != "source" or not is_name)}
    return build("dataset", name, **{**taken, **options})


def choose_estimators(
    reader: DatasetReader, config: RunConfig, names: list[str], options: dict[str, Any]
) -> dict[str, Estimator]:
    """The estimators named; for a corpus that does not know its own keypoints, one that runs everywhere."""
    from signvip.registry import build, registry

    missing = not getattr(reader, "knows", ())
    if not names and missing and DEFAULT_ESTIMATOR in registry().names("estimator"):
        names = [DEFAULT_ESTIMATOR]
    return {name: build("estimator", name, **options.get(name, {})) for name in names}


def refuse_blind(recipe: Recipe) -> None:
    """Filmed clips come without keypoints: see at once, and not clip by clip, what nobody would find."""
    from signvip.errors import ConfigError

    if not getattr(recipe.reader, "filmed", False):
        return
    found = {name for estimator in recipe.estimators.values() for name in estimator.provides}
    found |= set(getattr(recipe.reader, "knows", ()))
    for name, condition in recipe.conditions.items():
        if missing := set(getattr(condition, "needs", ())) - found:
            raise ConfigError(
                f"Real clips come without {' and '.join(sorted(missing))}, which {name} draws; name an estimator that "
                "finds them (install plugins/signvip-mediapipe, then --estimator mediapipe), or choose by --condition."
            )


def leave_example(reader: Any, path: Path, reporter: Reporter) -> None:
    """Write a portrait of a signer of the test split to `path`, unless something stands there."""
    from PIL import Image

    from signvip.data.files import replacing

    if path.exists() or not reader.ids("test"):
        return
    signer = str(reader.load("test", reader.ids("test")[0]).signer)
    with replacing(path) as temporary:
        Image.fromarray(reader.portrait(signer)).save(temporary, format="PNG")
    reporter.say(f"Left {path} here, a picture of a signer that training does not see.")


def choose_executor(kind: Executor, workers: int, time_limit: float) -> Makes:
    """Who makes the samples."""
    from signvip.data.executors import Here, Processes, Ray

    if kind is Executor.ray:
        return Ray(time_limit)
    return Processes(workers, time_limit) if workers else Here()


def parse_share(text: str | None) -> Share | None:
    """`I/N` as a share; wrong usage otherwise."""
    from signvip.data.preprocess import Share

    if text is None:
        return None
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise typer.BadParameter(
            f"'{text}' is no share; write I/N with I from 1 to N, such as 1/8.", param_hint="--shard"
        )
    return Share(int(number), int(of))


def _run(
    recipe: Recipe,
    out: Path,
    splits: tuple[str, ...],
    executor: Makes,
    share: Share | None,
    retry_failed: bool,
    reporter: Reporter,
) -> Result:
    from signvip.data.preprocess import preprocess as make_shards

    total = sum(len(recipe.reader.ids(split)) for split in splits)
    with reporter.task("preprocess", total // (share.of if share else 1)) as task:
        made = 0

        def progress(done: int, _total: int) -> None:
            nonlocal made
            task.advance(done - made)
            made = done

        return make_shards(
            recipe,
            out,
            splits=splits,
            executor=executor,
            share=share,
            retry_failed=retry_failed,
            progress=progress,
            say=reporter.say,
        )
