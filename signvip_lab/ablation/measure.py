"""The numbers of a cell: what its training logged on dev, and, where it is a whole run, what `evaluate` finds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from signvip.data.manifest import Manifest
from signvip.progress import Reporter
from signvip.release.embed import last_metrics
from signvip.run import Run
from signvip.stages.parts import load_tokenizer
from signvip.stages.text import PREVIEW_TEXTS
from signvip.stages.video import PREVIEW_CLIPS
from signvip_lab.ablation.records import DEV, DEV_STILL
from signvip_lab.ablation.store import Store
from signvip_lab.ablation.trainings import TEXT, Step
from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate
from signvip_lab.evaluation.results import Evaluation, Value

STILL_PREFIX = "still_"  # of what training logs of the reference picture, unchanged
CLIPS, FRAMES, CODES, TEXTS = "clips", "frames", "tokens", "texts"
# name: higher is better, best value, what n counts, definition
LOGGED: dict[str, tuple[bool, float | None, str, str]] = {
    "psnr": (
        True,
        None,
        CLIPS,
        "per frame, dB; a window of each clip, frames that differ from its reference",
    ),
    "ssim": (True, None, CLIPS, "Gaussian window 11; the same frames"),
    "hand_ssim": (
        True,
        None,
        CLIPS,
        "SSIM in boxes around the true hands; the same frames",
    ),
    "unexplained": (
        False,
        None,
        FRAMES,
        "MSE of rebuilt embeddings over their variance, standardised channels, whole split",
    ),
    "mse": (False, None, FRAMES, "MSE of rebuilt embeddings as they are, whole split"),
    "usage": (True, None, CODES, "distinct codes over the number of codes, whole split"),
    "perplexity": (True, None, CODES, "exp(entropy) of the codes, whole split"),
    "perplexity_share": (True, None, CODES, "exp(entropy) over the number of codes, whole split"),
    "loss": (False, None, TEXTS, "cross-entropy of tokens given those before"),
    "token_accuracy": (True, None, TEXTS, "tokens right given those before"),
    "eos_accuracy": (True, None, TEXTS, "ends right given the tokens before"),
    "length_ratio": (False, 1.0, TEXTS, "frames over frames of the truth, greedy"),
}


@dataclasses.dataclass
class Measured:
    """Values, what else is known of the cell, what was left out and why, and how many clips were generated."""

    values: list[Value]
    facts: dict[str, float]
    left_out: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    clips: int = 0
    evaluators: dict[str, Any] = dataclasses.field(default_factory=dict)
    sentences: list[str] = dataclasses.field(default_factory=list)
    texts: dict[str, dict[str, list[str]]] = dataclasses.field(default_factory=dict)


def measure(
    run: Run, steps: list[Step], store: Store, options: EvaluateOptions, reporter: Reporter
) -> Measured:
    """Return everything that can be said of an assembled cell."""
    facts = _facts(run) if run.has("autoencoder") else {}
    values = [value for step in steps for value in _logged(store.folder(step), step, store.shards, facts)]
    if steps[-1].kind is not TEXT:
        return Measured(values, facts)
    found = _evaluate(run, store.shards, options, reporter)
    left_out = [dataclasses.asdict(item) for item in found.left_out]
    about = found.about
    return Measured(
        values + found.values,
        facts,
        left_out,
        about["clips"],
        about.get("evaluators", {}),
        about["sentences"],
        found.texts,
    )


def _evaluate(run: Run, shards: Path, options: EvaluateOptions, reporter: Reporter) -> Evaluation:
    sampling = dataclasses.replace(options.sampling, seed=run.config.seed)
    options = dataclasses.replace(options, sampling=sampling)
    return evaluate(shards, run.path, run=str(run.path), options=options, reporter=reporter)


def _facts(run: Run) -> dict[str, float]:
    tokenizer = load_tokenizer(run)
    return {
        "vocab_size": tokenizer.vocab_size,
        "tokens_per_frame": tokenizer.tokens_per_frame,
    }


def _logged(folder: Path, step: Step, shards: Path, facts: dict[str, float]) -> list[Value]:
    """Return the last values that the phases of a step logged on dev; a step that is taken as it is has none."""
    if step.given is not None:
        return []
    last: dict[str, float] = {}
    for phase in step.kind.phases:
        path = folder / "training" / phase / "metrics.jsonl"
        last |= last_metrics(path) if path.is_file() else {}
    found = {key.removeprefix(f"{DEV}/"): value for key, value in last.items() if key.startswith(f"{DEV}/")}
    if "perplexity" in found:
        found["perplexity_share"] = found["perplexity"] / facts["vocab_size"]
    counts = _counts(shards, facts)
    known = {name: value for name, value in found.items() if name.removeprefix(STILL_PREFIX) in LOGGED}
    return [_value(name, value, counts) for name, value in known.items()]


def _counts(shards: Path, facts: dict[str, float]) -> dict[str, int]:
    dev = Manifest.read(shards).splits[DEV]
    return {
        CLIPS: min(PREVIEW_CLIPS, dev.clips_out),
        TEXTS: min(PREVIEW_TEXTS, dev.clips_out),
        FRAMES: dev.frames,
        CODES: dev.frames * int(facts.get("tokens_per_frame", 0)),
    }


def _value(name: str, value: float, counts: dict[str, int]) -> Value:
    row = DEV_STILL if name.startswith(STILL_PREFIX) else DEV
    name = name.removeprefix(STILL_PREFIX)
    higher, target, what, signature = LOGGED[name]
    return Value(
        row=row,
        metric=name,
        name=name,
        value=value,
        n=counts[what],
        signature=f"{what}; {signature}",
        higher_is_better=higher,
        target=target,
        takes=what,
    )
