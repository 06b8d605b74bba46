"""From the name of a dataset, or a folder, to shards: what `signvip preprocess` is asked for, decided in one place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from signvip.config import RunConfig, load_config, with_conditions
from signvip.contracts import SPLITS, DatasetReader, Estimator
from signvip.data.fit import Fit
from signvip.data.preprocess import Result, Share, preprocess
from signvip.data.sample import Recipe
from signvip.data.tasks import Executor
from signvip.errors import ConfigError
from signvip.progress import Reporter, Silent, following
from signvip.registry import build, naming, registry
from signvip.run import default_preset
from signvip.settings import merge, parse_setting
from signvip.storage.files import replacing

OF_THE_DATA = ("dataset.", "estimator.")


def prepare(
    source: str | Path | None,
    out: Path,
    *,
    dataset: str | None = None,
    text: Path | None = None,
    conditions: Sequence[str] = (),
    estimators: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    fit: Fit = "crop",
    video: bool = True,
    splits: Sequence[str] = SPLITS,
    executor: Executor | None = None,
    share: Share | None = None,
    retry_failed: bool = False,
    preset: str | None = None,
    file: Path | None = None,
    settings: Sequence[str] = (),
    example: Path | None = None,
    reporter: Reporter | None = None,
) -> Result:
    """Turn a dataset by name, or a folder of clips, into shards; started again, it resumes.

    `settings` are those of a configuration, and `dataset.KEY=VALUE` and `estimator.NAME.KEY=VALUE`. `example` is where
    a picture of an unseen signer is left, of a dataset that draws its signers, unless something is there.
    """
    reporter = reporter or Silent()
    values, options = read_settings(settings)
    flags = {key: value for key, value in {"size": size, "fps": fps}.items() if value is not None}
    config = with_conditions(load_config(preset or default_preset(), file, values, flags), conditions)
    reader = open_dataset(source, dataset, options.get("dataset", {}), config, text)
    found = choose_estimators(reader, estimators, options.get("estimator", {}))
    recipe = Recipe.of(reader, config, found, fit, video)
    refuse_blind(recipe)
    result = make_shards(recipe, out, splits, executor, share, retry_failed, reporter)
    if example is not None and hasattr(reader, "portrait"):
        leave_example(reader, example, reporter)
    return result


def make_shards(
    recipe: Recipe,
    out: Path,
    splits: Sequence[str] = SPLITS,
    executor: Executor | None = None,
    share: Share | None = None,
    retry_failed: bool = False,
    reporter: Reporter | None = None,
) -> Result:
    """Preprocess by a recipe, and report how far it is."""
    reporter = reporter or Silent()
    total = sum(len(recipe.reader.ids(split)) for split in splits)
    with reporter.task("preprocess", total // (share.of if share else 1)) as task:
        return preprocess(
            recipe, out, splits=splits, executor=executor, share=share, retry_failed=retry_failed,
            progress=following(task), say=reporter.say,
        )  # fmt: skip


def read_settings(settings: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Part settings in those of the configuration and those of `dataset.KEY` and `estimator.NAME.KEY`."""
    options: dict[str, Any] = {}
    for setting in settings:
        if setting.startswith(OF_THE_DATA):
            options = merge(options, parse_setting(setting))
    return [setting for setting in settings if not setting.startswith(OF_THE_DATA)], options


def open_dataset(
    source: str | Path | None,
    dataset: str | None,
    options: Mapping[str, Any],
    config: RunConfig,
    text: Path | None = None,
) -> DatasetReader:
    """Build a reader: `source` is its name, or a folder that goes to its option `source`.

    A reader that draws its clips has options `size` and `fps`, and is asked for what the shards should have; one that
    signs a given `text` has that option. A folder that no dataset is named for goes to the one that is there for them.
    """
    if source is None and dataset is None:
        source, options = config.dataset.name, merge(config.dataset.options, options)
    source = str(source or dataset)
    is_name = source in registry().names("dataset") and (dataset or source) == source
    usual = None if is_name or not Path(source).exists() else registry().usual("dataset")
    name = dataset or usual or source
    fields = option_names(registry().get("dataset", name))
    if text is not None and "text" not in fields:
        other = naming("dataset", lambda cls: "text" in option_names(cls))
        raise ConfigError(f"The dataset {name} has its own texts; leave --text out, or take {other}.")
    given = {"size": config.size, "fps": config.fps, "text": text, "source": None if is_name else source}
    taken = {key: value for key, value in given.items() if key in fields and value is not None}
    reader: DatasetReader = build("dataset", name, **{**taken, **options})
    return reader


def option_names(cls: type) -> Collection[str]:
    """Return the names of a plugin's options."""
    return getattr(getattr(cls, "Config", None), "model_fields", {}).keys()


def choose_estimators(
    reader: DatasetReader, names: Sequence[str], options: Mapping[str, Any]
) -> dict[str, Estimator]:
    """Build the estimators named; for a dataset that does not know its own keypoints, the usual one if it is there."""
    usual = registry().usual("estimator") if not names and not getattr(reader, "knows", ()) else None
    return {
        name: build("estimator", name, **options.get(name, {})) for name in names or filter(None, [usual])
    }


def refuse_blind(recipe: Recipe) -> None:
    """Refuse filmed clips whose keypoints no estimator would find: at once, not clip by clip."""
    if not getattr(recipe.reader, "filmed", False):
        return
    found = {name for estimator in recipe.estimators.values() for name in estimator.provides}
    found |= set(getattr(recipe.reader, "knows", ()))
    for name, condition in recipe.conditions.items():
        if missing := set(getattr(condition, "needs", ())) - found:
            raise ConfigError(
                f"Real clips come without {' and '.join(sorted(missing))}, which {name} draws; name an estimator that "
                "finds them by --estimator (docs/how-to/estimators.md has those to install), or choose by --condition."
            )


def leave_example(reader: Any, path: Path, reporter: Reporter) -> None:
    """Write a portrait of a signer of the test split to `path`, unless something stands there."""
    if path.exists() or not reader.ids("test"):
        return
    signer = str(reader.load("test", reader.ids("test")[0]).signer)
    with replacing(path) as temporary:
        Image.fromarray(reader.portrait(signer)).save(temporary, format="PNG")
    reporter.say(f"Left {path} here, a picture of a signer that training does not see.")
