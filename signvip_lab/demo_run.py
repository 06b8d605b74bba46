"""What a demo shows: a finished run, trained first where that is asked for, and clips that training never saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from signvip.config import RunConfig, load_config
from signvip.contracts import SPLITS
from signvip.data.executors import Processes
from signvip.data.sample import Recipe
from signvip.data.shards import ShardIndex, shard_paths
from signvip.data.tasks import TIME_LIMIT
from signvip.errors import DataError, RunError
from signvip.progress import Reporter
from signvip.run import Run
from signvip.stages.prepare import choose_estimators, make_shards, open_dataset, refuse_blind

RUN, SHARDS, TEST = "run", "shards", "test-shards"  # folders of a demo


def train_chain(preset: str, out: Path, reporter: Reporter) -> Run:
    """Run the seven commands of the README in a folder; called again, each goes on where it stopped."""
    from signvip.stages import train
    from signvip.stages.derive import encode, tokenize

    config, shards, run = load_config(preset), out / SHARDS, out / RUN
    if (run / "config.json").is_file() and (other := Run.open(run).config.preset) != preset:
        raise RunError(
            f"{run} is of the preset {other}; go on with --preset {other}, or give another folder."
        )
    _preprocess(config, shards, SPLITS, reporter)
    train(config, 1, shards=shards, run=run, reporter=reporter)
    encode(shards, shards, run=run, reporter=reporter)
    train(config, 2, shards=shards, run=run, reporter=reporter)
    tokenize(shards, shards, run=run, reporter=reporter)
    train(config, 3, shards=shards, run=run, reporter=reporter)
    return Run.open(run)


def find_clips(run: Run, out: Path, count: int, reporter: Reporter) -> Path:
    """Return shards with `count` test clips or more: those that travel with a run, or are made of its dataset."""
    trained_here = [out / SHARDS] if run.path == out / RUN else []
    for shards in (run.clips, *trained_here):
        if _count(shards) >= count:
            return shards
    if travelling := _count(run.clips):
        reporter.say(f"Fewer clips travel with the run ({travelling}): others are made of its dataset.")
    made = out / TEST
    _preprocess(run.config, made, ["test"], reporter)
    if (there := _count(made)) < count:
        raise DataError(
            f"The dataset {run.config.dataset.name} has {there} test clips as this run is configured; ask for "
            f"--clips {there} at most."
        )
    return made


def _count(shards: Path) -> int:
    return len(ShardIndex(shards, "test")) if shard_paths(shards, "test") else 0


def _preprocess(config: RunConfig, shards: Path, splits: Sequence[str], reporter: Reporter) -> None:
    """Write shards of a run's own dataset, as `signvip preprocess` does."""
    reader = open_dataset(None, None, {}, config)
    recipe = Recipe.of(reader, config, choose_estimators(reader, (), {}))
    refuse_blind(recipe)
    make_shards(recipe, shards, splits, Processes(2, TIME_LIMIT), reporter=reporter)
