"""The best of a column, where chance does not make it so; the finding of a study in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from signvip_lab.ablation.evidence import weigh
from signvip_lab.ablation.goals import Verdict
from signvip_lab.ablation.summary import Column, Row, Summary


def clearly_best(summary: Summary, column: Column) -> list[int]:
    """Return the place of the row that is better than every other beyond chance: one, or none."""
    best = summary.best(column)
    others = [
        row for place, row in enumerate(summary.rows) if column.key in row.numbers and place not in best
    ]
    if len(best) != 1 or not all(_beats(summary.rows[best[0]], other, column) for other in others):
        return []
    return best


def _beats(row: Row, other: Row, column: Column) -> bool:
    return bool(weigh(row.found(column.key), other.found(column.key)).better)


def finding(summary: Summary, verdicts: Sequence[Verdict]) -> str:
    """Return what came out: of the claims if a study has some that could be tried, else of its first column."""
    tried = [verdict for verdict in verdicts if verdict.pairs]
    if tried:
        return _of_claims(tried, len(verdicts) - len(tried))
    column = next((column for column in summary.columns if column.sample and summary.best(column)), None)
    return _of_column(summary, column) if column else "No value tells these rows apart."


def _of_claims(tried: Sequence[Verdict], untried: int) -> str:
    sure = sum(verdict.claimed == len(verdict.pairs) for verdict in tried)
    held = sum(verdict.held == len(verdict.pairs) for verdict in tried) - sure
    told = [
        (sure, "holds", "hold", "in all that was compared, beyond chance"),
        (held, "holds", "hold", "in all that was compared, by the means alone"),
        (len(tried) - sure - held, "fails", "fail", "somewhere"),
        (untried, "was", "were", "not tried"),
    ]
    said = [f"{count} {one if count == 1 else many} {where}" for count, one, many, where in told if count]
    return f"Of {len(tried) + untried} claims, {'; '.join(said)}."


def _of_column(summary: Summary, column: Column) -> str:
    row = summary.rows[summary.best(column)[0]]
    sure = "beyond chance" if clearly_best(summary, column) else "but chance may have made it so"
    still = summary.stills.get(column.key)
    beside = "" if still is None else f"; a still picture has {still:.4g}"
    return f"{row.name} is best in {column.heading} with {row.numbers[column.key]}, {sure}{beside}."
