"""`evaluate`: a run on clips that training never saw, by every metric that can be computed here."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import signvip
from signvip.data.baseline import RULE
from signvip.data.manifest import Manifest
from signvip.errors import DataError, RunError, SignVipError
from signvip.generate import GenerateOptions, choose_run, embedded_run
from signvip.measures import Summed
from signvip.progress import Reporter, Silent
from signvip.registry import build, registry
from signvip.sampling.options import OF_THE_RUN
from signvip.storage.files import write_text
from signvip.storage.locks import locked
from signvip_lab.evaluation import chance
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.making import GENERATED, ROWS, TRUTH, Made, make
from signvip_lab.evaluation.material import PIXELS, Gathered, gather
from signvip_lab.evaluation.reading import NO_BACK_TRANSLATOR, ORACLE, open_back_translators
from signvip_lab.evaluation.results import TABLES, Evaluation, LeftOut, Value
from signvip_lab.evaluation.sets import Material, Pair

NETWORK = "needs the weights of its network, which travel with no package; give --weights NAME=PATH"
READERS = {"texts", "identities"}  # what asks for back-translators
NOT_HERE = "says nothing about this row"


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of an evaluation; no metric named means all that can be computed."""

    metrics: Sequence[str] = ()
    clips: int | None = None
    split: str = "test"
    weights: Mapping[str, Path] = field(default_factory=dict)
    evaluators: Sequence[Path] = ()  # folders of `train-back-translator`; by default those in runs/ that fit
    sampling: GenerateOptions = field(default_factory=GenerateOptions)


def evaluate(
    shards: Path,
    out: Path,
    *,
    run: str | None = None,
    options: EvaluateOptions | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Measure true clips, those from conditions, from the text, and the bare reference; writes `results.json`."""
    options, reporter = options or EvaluateOptions(), reporter or Silent()
    source = choose_run(run)
    if not Path(source).is_dir():
        raise RunError(
            f"There is no run folder {source}; give one by --run, or train one: signvip train --stage 1 --run {source}"
        )
    for name in [*options.metrics, *options.weights]:
        registry().get("metric", name)  # a name that does not exist is told before any work
    with locked(shards, "read", option="--shards", say=reporter.say):
        Manifest.read(shards).check_video(shards, "evaluate")
        chain = Chain.open(Path(source), shards, options.split, options.sampling)
        return measure(chain, shards, out, options, reporter)


def measure(
    chain: Chain,
    shards: Path,
    out: Path,
    options: EvaluateOptions,
    reporter: Reporter,
    *,
    contrasts: bool = False,
    show: Callable[[Made], None] | None = None,
) -> Evaluation:
    """Measure a loaded run on clips; `show` is given each as soon as it is made.

    `contrasts` adds rows of what wrong conditions and references make.
    """
    evaluation = Evaluation(about=_about(chain, shards, options))
    metrics = _metrics(chain, options, evaluation)
    takes = {_takes(metric) for metric in metrics.values()}
    device = chain.pipe._execution_device
    evaluators = (
        open_back_translators(options.evaluators, shards, device, evaluation) if takes & READERS else {}
    )
    if takes == {"texts"} and not evaluators:
        raise DataError(f"{next(iter(metrics))}: {' '.join([NO_BACK_TRANSLATOR, *evaluation.remarks])}")
    pixels = bool(takes & PIXELS or (evaluators and "texts" in takes))
    picks = range(min(len(chain.clips), options.clips or len(chain.clips)))
    clips = []
    with reporter.task("clips", len(picks)) as task:
        for pick in picks:
            clips.append(make(chain, pick, options.sampling.seed, pixels, contrasts))
            if show is not None:
                show(clips[-1])
            task.advance()
    found = gather(chain, clips, takes, evaluators, shards, reporter)
    _describe(found, evaluation)
    with reporter.task("numbers", len(metrics)) as task:
        for name, metric in metrics.items():
            _measure(name, metric, found.rows, evaluation)
            task.advance()
    if options.metrics and not evaluation.values:
        raise DataError(f"{evaluation.left_out[0].metric}: {evaluation.left_out[0].reason}.")
    write_text(out / "results.json", json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False) + "\n")
    return evaluation


def _describe(found: Gathered, evaluation: Evaluation) -> None:
    """Note what is known of the clips before any number: how many frames count, and what was read of each clip."""
    rows = found.rows
    evaluation.about |= {"clips": len(found.ids), "rows": list(rows), "ids": found.ids}
    evaluation.about["sentences"] = found.sentences
    evaluation.about["bootstrap"] = chance.ABOUT
    evaluation.about["frames"] = {"all": found.frames, "count": found.counting, "rule": RULE}
    evaluation.texts = {
        row: {evaluator: list(pair.generated) for evaluator, pair in material.texts.items()}
        for row, material in rows.items()
    }


def _metrics(chain: Chain, options: EvaluateOptions, evaluation: Evaluation) -> dict[str, Any]:
    """Return the metrics that can be built; one that was asked for by name and cannot is an error."""
    found = {}
    for name in options.metrics or registry().names("metric"):
        try:
            found[name] = _build(name, chain, options)
        except SignVipError as error:
            if options.metrics:
                raise
            evaluation.left_out.append(LeftOut(name, str(error)))
    return found


def _build(name: str, chain: Chain, options: EvaluateOptions) -> Any:
    fields = getattr(getattr(registry().get("metric", name), "Config", None), "model_fields", {})
    known = {
        "vocab_size": chain.pipe.autoencoder.vocab_size,
        "max_frames": options.sampling.max_frames or chain.pipe.config.max_frames,
        "weights": options.weights.get(name),
    }
    if "weights" in fields and fields["weights"].is_required() and known["weights"] is None:
        raise DataError(f"{name} {NETWORK}" if options.metrics else NETWORK)
    chosen = {key: value for key, value in known.items() if key in fields and value is not None}
    return build("metric", name, **chosen)


def _measure(name: str, metric: Any, rows: Mapping[str, Material], evaluation: Evaluation) -> None:
    takes, aligned, lacks = _takes(metric), bool(getattr(metric, "aligned", False)), []
    asked = {row: material for row, material in rows.items() if row != ORACLE or takes == "texts"}
    for row, material in asked.items():
        sets = material.sets(takes, aligned)
        if not sets:
            lacks.append((row, material.lack(takes, aligned) or NOT_HERE))
        for evaluator, pair in sets.items():
            try:
                _compute(row, name, metric, pair, evaluator, evaluation)
                _remark(row, metric, pair, evaluator, evaluation)
            except (
                Exception
            ) as error:  # a metric may be foreign code; one that fails must not cost the others
                known = isinstance(error, SignVipError)
                lacks.append((row, str(error) if known else f"{type(error).__name__}: {error}"))
    if len(lacks) >= len(asked) and len({reason for _, reason in lacks}) == 1:
        evaluation.left_out.append(LeftOut(name, lacks[0][1]))
    else:
        evaluation.left_out += [LeftOut(name, why, row) for row, why in lacks if why != NOT_HERE]


def _compute(row: str, name: str, metric: Any, pair: Pair, evaluator: str, evaluation: Evaluation) -> None:
    """Compute the numbers of one row, and what the draws of clips make of them where a metric is made of sums."""
    summed = hasattr(metric, "statistics") and hasattr(metric, "score")
    statistics = np.asarray(metric.statistics(pair.generated, pair.truth)) if summed else None
    if statistics is not None and type(metric).__call__ is Summed.__call__:  # the same by definition
        found = metric.score(statistics.sum(axis=0))
    else:
        found = metric(pair.generated, pair.truth)
    strange = [key for key, value in found.items() if not math.isfinite(value)]
    if strange:
        raise DataError(f"{name} gave no number for {', '.join(strange)}")
    drawn = chance.redraw(statistics, metric.score) if statistics is not None and len(statistics) > 1 else {}
    alone = [metric.score(one) for one in statistics] if statistics is not None else []
    counted = getattr(metric, "counted", None)
    for key, number in found.items():
        value = Value(
            row=row,
            metric=name,
            name=key,
            value=float(number),
            n=counted(pair.generated, pair.truth) if counted else len(pair.truth),
            signature=getattr(metric, "signature", ""),
            higher_is_better=metric.higher_is_better,
            target=getattr(metric, "target", None),
            takes=_takes(metric) if _takes(metric) in TABLES else "videos",
            evaluator=evaluator,
            interval=chance.interval(drawn[key]) if key in drawn else None,
            clips=[_finite(scores[key]) for scores in alone],
            unit=getattr(metric, "unit", ""),
        )
        evaluation.add(value, drawn.get(key))


def _finite(value: float) -> float | None:
    """Return a clip's number for JSON, in six digits; None for a clip that has none."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _remark(row: str, metric: Any, pair: Pair, evaluator: str, evaluation: Evaluation) -> None:
    remark = getattr(metric, "remark", None)
    sentence = remark(pair.generated, pair.truth) if remark else None
    said = f"{row}, {evaluator} read back: {sentence}" if evaluator else f"{row}: {sentence}"
    if sentence and said not in evaluation.remarks:  # all metrics of texts say the same of empty ones
        evaluation.remarks.append(said)


def _takes(metric: Any) -> str:
    return str(getattr(metric, "takes", "videos"))


def _about(chain: Chain, shards: Path, options: EvaluateOptions) -> dict[str, Any]:
    pipe = chain.pipe
    return {
        "run": "embedded" if chain.run.path == embedded_run() else str(chain.run.path),
        "fingerprint": chain.fingerprint,
        "signvip": signvip.__version__,
        "commit": commit(),
        "shards": str(shards),
        "split": options.split,
        "rows": list(ROWS),
        "protocol": f"'{TRUTH}' is the clip as the shards store it; pictures are compared as bytes, before any "
        f"codec of ours; the reference picture is the clip's last frame; '{GENERATED}' is greedy",
        "seed": options.sampling.seed,
        "fps": pipe.config.fps,
        "size": [pipe.config.height, pipe.config.width],
        "device": str(pipe._execution_device),
        "dtype": str(pipe.dtype).removeprefix("torch."),
        "scheduler": type(pipe.scheduler).__name__,
        **{name: pipe.config[name] for name in OF_THE_RUN},
    }


def commit() -> str | None:
    """Return the commit of a checkout of this package, None for an installed one."""
    root = Path(signvip.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
