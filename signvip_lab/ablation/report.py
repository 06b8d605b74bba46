"""Everything that an ablation leaves to read: tables, figures, verdicts and the page, all made from `runs.jsonl`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import signvip
from signvip.data.baseline import STILL
from signvip.data.manifest import Manifest
from signvip.errors import RunError
from signvip.generate import embedded_run
from signvip_lab.ablation.figures import draw_all, figures_of
from signvip_lab.ablation.goals import Verdict, judge
from signvip_lab.ablation.page import write_report_page
from signvip_lab.ablation.paper import Protocol, beside
from signvip_lab.ablation.records import Record
from signvip_lab.ablation.runner import Plan
from signvip_lab.ablation.study import Study
from signvip_lab.ablation.summary import Summary, summarise
from signvip_lab.ablation.tables import markdown, write_tables
from signvip_lab.pages.words import lasting

NEEDED = ("pandas", "matplotlib", "jinja2", "tabulate")


@dataclass(frozen=True)
class Report:
    """The files that were written, and the table as it is printed."""

    table: str
    files: list[Path]
    verdicts: list[Verdict]


def require_libraries() -> None:
    """RunError where a library of the extra `report` is missing or does not load; asked before hours of training."""
    for name in NEEDED:
        try:
            import_module(name)
        except ImportError as error:
            reason = str(error).strip().partition("\n")[0]
            raise RunError(
                f"Tables and figures need {name}, which does not load ({reason}); install what fits together, with the "
                "plugins that you use in the same line: pip install 'signvip[report]' ..."
            ) from error


def write_report(plan: Plan, study: Study, records: Sequence[Record], command: str = "") -> Report:
    """Write `table.md`, `.tex`, `.csv`, `values.csv`, `figures/` and `report.html`."""
    study = _at_stage(study, plan.stage)
    summary = summarise(records, study.columns)
    manifest = Manifest.read(plan.shards)
    protocol = Protocol(manifest, plan.split, plan.options.clips is None)
    summary.references = beside([column.key for column in summary.columns], protocol)
    notes = make_notes(plan, summary, records, manifest)
    verdicts = [judge(summary, goal) for goal in study.goal]
    write_tables(plan.out, summary, records, [*map(str, verdicts), *notes])
    figures = draw_all(plan.out / "figures", summary, figures_of(summary, study.figure))
    shown = [drawn.shown for drawn in figures]
    page = write_report_page(
        plan.out,
        study,
        summary,
        records,
        shown,
        verdicts,
        notes,
        command,
        about=_about(plan, records, manifest),
    )
    tables = [plan.out / f"table.{suffix}" for suffix in ("md", "tex", "csv")]
    return Report(markdown(summary), [page, *tables, *(drawn.path for drawn in figures)], verdicts)


def _about(plan: Plan, records: Sequence[Record], manifest: Manifest) -> str:
    """Say what was run, on what and how long, in one line."""
    seconds = sum(sum(record.seconds.values()) for record in records)
    devices = sorted({f" on {record.device}" for record in records if record.device})
    height, width = manifest.size
    return (
        f"{len(records)} cells up to stage {plan.stage}, SignViP {signvip.__version__}; {manifest.dataset}, "
        f"{plan.split} split, {width} by {height} pixels; {lasting(seconds)}{' and'.join(devices)}"
    )


def _at_stage(study: Study, stage: int) -> Study:
    """Show all values of a study that is cut short, or goes on: it has others than its columns."""
    if study.stage in (None, stage):
        return study
    return study.model_copy(update={"columns": (), "figure": ()})


def make_notes(plan: Plan, summary: Summary, records: Sequence[Record], manifest: Manifest) -> list[str]:
    """Return what one must know to read the numbers: data, seeds, what was taken, definitions, what is missing."""
    seeds = sorted({cell.config.seed for cell in plan.cells})
    spread = (
        "; ± is the sample deviation over them" if len(seeds) > 1 else "; one seed says nothing of chance"
    )
    notes = [
        f"Corpus {manifest.dataset}, {plan.split} split, {manifest.size[0]}x{manifest.size[1]}, trained up to "
        f"stage {plan.stage}.",
        f"Seeds {', '.join(map(str, seeds))}{spread}.",
    ]
    if summary.stills:
        notes.append(
            f"'{STILL}' is the reference picture for the whole clip, by the same metrics on the same clips: what a "
            "model must beat."
        )
    taken = [step for step in plan.steps[0] if step.given is not None]
    if taken:
        names = " and ".join(step.kind.name for step in taken)
        source = "the embedded model" if taken[0].given == embedded_run() else taken[0].given
        notes.append(f"Taken as it is from {source}, the same for all seeds: {names}.")
    for column in summary.columns:
        if column.sample is None:
            notes.append(f"{column.key} is missing: {column.reason}.")
        else:
            truth = "" if column.ceiling is None else f"; of the ground truth it is {column.ceiling:.4g}"
            notes.append(f"{column.key}: n={column.sample.n}, {column.sample.signature}{truth}.")
    notes += sorted({about["signature"] for record in records for about in record.evaluators.values()})
    if not summary.references:
        notes.append(
            "The paper's numbers are not beside these: they are of other clips, or of values that it defines in "
            "another way."
        )
    return notes
