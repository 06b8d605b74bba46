"""`runs.jsonl`: one line for each cell that was computed, with all that is needed to read its numbers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from signvip.data.baseline import STILL
from signvip.errors import DataError
from signvip.storage.files import write_text
from signvip_lab.evaluation.results import Value

NAME = "runs.jsonl"
DEV, DEV_STILL = "dev", f"dev, {STILL}"  # what training logs: of the model, and of a still on the same frames


@dataclass
class Record:
    """The outcome of one cell; `reason` says why one failed."""

    cell: str
    labels: dict[str, Any]
    seed: int
    status: Literal["done", "failed"]
    stage: int
    steps: dict[str, str] = field(default_factory=dict)  # kind: id of what was trained, or taken
    reason: str | None = None
    config: str = ""
    shards: dict[str, Any] = field(default_factory=dict)
    commit: str | None = None
    signvip: str = ""
    device: str = ""
    seconds: dict[str, float] = field(
        default_factory=dict
    )  # of what this cell had to train, and of measuring
    facts: dict[str, float] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    evaluators: dict[str, Any] = field(default_factory=dict)  # what read generated signing back into text
    sentences: list[str] = field(default_factory=list)  # of the clips, in order
    texts: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # read in them: row, back-translator

    def value(self, key: str) -> Value | None:
        """Return the value at `row/name`, None where it was left out."""
        return next((value for value in self.values if key_of(value) == key), None)


def key_of(value: Value) -> str:
    """`row/name`, by which studies speak of values: `dev/usage`, `from the text/bleu4 (video)`."""
    return f"{value.row}/{value.name}" + (f" ({value.evaluator})" if value.evaluator else "")


def read_records(out: Path) -> dict[str, Record]:
    """Return all records of a folder by cell; DataError where a line is damaged."""
    path = out / NAME
    if not path.is_file():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {
            row["cell"]: Record(**{**row, "values": [Value(**value) for value in row["values"]]})
            for row in rows
        }
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is damaged ({error}); remove it: what was trained is kept, only the measuring is done again."
        ) from error


def write_record(out: Path, record: Record) -> None:
    """Add a cell's line, or put it in the place of its old one; the file is written whole."""
    records = {**read_records(out), record.cell: record}
    lines = [json.dumps(asdict(found), ensure_ascii=False) for found in records.values()]
    write_text(out / NAME, "\n".join(lines) + "\n")
