"""`ablate`: from a study or some axes to cells, and from cells to a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signvip.errors import ConfigError, RunError
from signvip.generate import choose_run
from signvip.progress import Reporter
from signvip.registry import registry
from signvip.run import resolve_config
from signvip_lab.ablation.axes import Axis, parse_axis
from signvip_lab.ablation.grid import make_cells, replaced
from signvip_lab.ablation.records import Record
from signvip_lab.ablation.report import Report, require_libraries, write_report
from signvip_lab.ablation.runner import Plan, make_plan, run_plan
from signvip_lab.ablation.study import Study, read_study
from signvip_lab.ablation.trainings import last_stage
from signvip_lab.evaluation.evaluate import EvaluateOptions

FOLDER = Path("outputs/ablations")


@dataclass(frozen=True)
class Request:
    """A request for an ablation: a study by name, axes of one's own, or both, and what all cells share."""

    shards: Path
    study: str | None = None
    vary: Sequence[str] = ()
    source: Path | None = None  # a run to take from what no cell changes
    preset: str | None = None
    file: Path | None = None
    settings: Sequence[str] = ()
    stage: int | None = None
    out: Path | None = None
    options: EvaluateOptions = field(default_factory=EvaluateOptions)
    command: str = ""


def plan_ablation(request: Request) -> tuple[Study, Plan]:
    """Return the study and its cells, with all that has to be trained; nothing is computed yet."""
    others = [parse_axis(text) for text in request.vary]
    study = read_study(request.study) if request.study else _own_study(others)
    axes = replaced(study.axes, others)
    if not axes:
        raise ConfigError("Nothing is varied; name a study, or give --vary KEY=V1,V2.")
    for name in [*request.options.metrics, *request.options.weights]:
        registry().get("metric", name)
    source = _source(request.source)
    none = Path()  # no run has its configuration there
    config = resolve_config(source or none, request.preset, request.file, request.settings, {})
    cells = make_cells(config, axes)
    plan = make_plan(
        cells,
        request.shards,
        request.out or FOLDER / study.name,
        request.stage or study.stage or last_stage(cells, config),
        source=source,
        options=request.options,
    )
    return study, plan


def ablate(request: Request, reporter: Reporter) -> tuple[list[Record], Report]:
    """Compute what is missing of a grid, and write its report."""
    require_libraries()
    study, plan = plan_ablation(request)
    records = run_plan(plan, reporter)
    return records, write_report(plan, study, records, request.command)


def refuse_failures(records: Sequence[Record], out: Path) -> None:
    """Raise RunError where cells failed, once everything else is done and written."""
    failed = [record for record in records if record.status == "failed"]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(records)} cells failed, the first because: {failed[0].reason} Fix it and give the "
            f"same command again: only these are tried again. All reasons are in {out / 'table.md'}."
        )


def _source(run: Path | None) -> Path | None:
    """Return the run that is named, none where none is."""
    return None if run is None else Path(choose_run(str(run)))


def _own_study(axes: Sequence[Axis]) -> Study:
    """Return the study of someone who names axes alone: all values, each drawn over the first axis of numbers."""
    names = [axis.name for axis in axes]
    return Study(name="-".join(names) or "none", title=f"What {', '.join(names)} change")
