"""Records that no training made: what tables, figures and claims are tried on."""

from __future__ import annotations

from signvip_lab.ablation.records import Record
from signvip_lab.evaluation.results import Value


def make_value(
    name: str, value: float, *, higher: bool = True, target: float | None = None, row: str = "dev"
) -> Value:
    return Value(row, name, name, value, 7, f"{name} as tested", higher, target, "tokens")


def make_record(labels: dict, values: dict[str, float] | None, **changes) -> Record:
    """A cell with `usage` (higher is better), `loss` (lower) and `ratio` (best at 1); None is a cell that failed."""
    sorts = {"usage": {}, "loss": {"higher": False}, "ratio": {"higher": False, "target": 1.0}}
    record = Record(
        cell="-".join(map(str, labels.values())),
        labels=labels,
        seed=labels.get("seed", 0),
        status="done" if values is not None else "failed",
        stage=2,
        reason=None if values is not None else "the levels are too few.",
        facts={"vocab_size": labels["size"] - 3} if "size" in labels else {},
        values=[make_value(name, value, **sorts[name]) for name, value in (values or {}).items()],
    )
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def make_grid() -> list[Record]:
    """fsq and vq at two sizes with two seeds each; one of vq's cells failed."""
    usage = {("fsq", 128): 0.9, ("fsq", 256): 0.8, ("vq", 128): 0.5, ("vq", 256): 0.2}
    records = []
    for (name, size), value in usage.items():
        for seed in (0, 1):
            labels = {"quantizer": name, "size": size, "seed": seed}
            failed = (name, size, seed) == ("vq", 256, 1)
            found = {"usage": value + 0.02 * seed, "loss": 1 - value, "ratio": 2 - value}
            records.append(make_record(labels, None if failed else found))
    return records
