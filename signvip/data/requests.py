"""Read the requests to `signvip generate`: one sentence, or a file of many (txt, tsv, csv or jsonl)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from signvip.data.clip_tables import parse_unique, read_table
from signvip.data.footage import VIDEOS
from signvip.data.text_files import is_torn
from signvip.errors import DataError
from signvip.storage.files import inside

TABLES = (".tsv", ".csv")
LINES = (".txt", ".text", "")  # a sentence a line
LONGEST_NAME = 60
KEYS = ("text", "reference", "output", "language")


@dataclass(frozen=True)
class Request:
    """One video to make."""

    text: str
    reference: Path
    output: Path
    pose: Path | None = None  # a .pose file to write beside it
    language: str | None = None  # ISO 639-3 of the sign language, where it has one of its own


def one(text: str, reference: Path, output: Path | None, pose: Path | None = None) -> list[Request]:
    """Return the request of one sentence; without an mp4 to write to, the file is named after the sentence."""
    if output is not None and output.suffix.lower() in VIDEOS and output.suffix.lower() != ".mp4":
        raise DataError(
            f"Videos are written as mp4, not {output.suffix}; give -o {output.with_suffix('.mp4')}."
        )
    if output is None or output.suffix.lower() != ".mp4":
        output = (output or Path()) / f"{name_of(text)}.mp4"
    if pose is not None and pose.suffix.lower() != ".pose":
        pose = pose / f"{output.stem}.pose"
    return [Request(text, reference, output, pose)]


def many(file: Path, reference: Path | None, folder: Path, poses: Path | None = None) -> list[Request]:
    """Read the requests of a file; outputs are numbered in `folder` unless a row names its own; poses likewise."""
    if folder.suffix == ".mp4":
        raise DataError(f"{folder} is one video, but {file} asks for many; give a folder by -o.")
    if poses is not None and poses.suffix == ".pose":
        raise DataError(f"{poses} is one file, but {file} asks for many; give a folder by --pose.")
    requests = []
    rows = read_rows(file)
    digits = max(4, len(str(len(rows))))
    for number, row in enumerate(rows, start=1):
        picture = file.parent / row["reference"] if row.get("reference") else reference
        if picture is None:
            raise DataError(
                f"Row {number} of {file} has no reference; give a picture for all after --from {file}."
            )
        output = row.get("output") or f"{number:0{digits}d}.mp4"
        pose = None if poses is None else inside(poses, output).with_suffix(".pose")
        video, language = inside(folder, output).with_suffix(".mp4"), row.get("language", "").strip() or None
        requests.append(Request(row["text"], picture, video, pose, language))
    _refuse_twins(file, requests)
    return requests


def read_rows(file: Path) -> list[dict[str, str]]:
    """Rows with `text` and, where the file has them, the other KEYS; empty lines are skipped."""
    ending = file.suffix.lower()
    if ending in TABLES and file.is_file():
        return _table(file)
    if file.is_file() and ending not in (*LINES, ".jsonl"):  # JSON or subtitles would be signed as they stand
        raise DataError(f"{file} is not a list of sentences; give a txt, tsv, csv or jsonl file.")
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        raise DataError(f"There is no file {file}; give one by --from.") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise DataError(f"{file} is not a UTF-8 text file; give a txt, tsv, csv or jsonl file.") from error
    if ending == ".jsonl":
        rows = [_object(file, line) for line in lines]
    else:
        rows = [{"text": line.strip()} for line in lines]
    if not rows:
        raise DataError(f"{file} has no sentence; write one per line.")
    return rows


def name_of(text: str) -> str:
    """Return a file name that shows the sentence: `tomorrow-it-will-rain`."""
    words = re.sub(r"[^\w]+", "-", text.lower()).strip("-_")
    return words[:LONGEST_NAME].strip("-_") or "video"


def _table(file: Path) -> list[dict[str, str]]:
    table = read_table(file)
    if "text" not in table.columns:
        raise DataError(
            f"{file} has no column 'text'; name the columns in its first line: {', '.join(KEYS)}."
        )
    faults = [row.fault for row in table.rows if row.fault]
    if faults:
        raise DataError(f"{faults[0].rstrip('.')}; fix {file}.")
    if not table.rows:
        raise DataError(f"{file} has no sentence; write one per line.")
    return [{key: row.values.get(key, "") for key in KEYS if key in table.columns} for row in table.rows]


def _object(file: Path, line: str) -> dict[str, str]:
    try:
        value = parse_unique(line)
    except ValueError as error:
        raise DataError(f"{file} has a line that is not an object with a text ({error}); fix it.") from error
    text = value.get("text")
    if isinstance(text, str) and (is_torn(text) or "\0" in text):
        raise DataError(f"{file} has a text with half a character or a NUL; write it again.")
    if not isinstance(text, str):
        raise DataError(
            f'{file} has a line that is not an object with a text; write {{"text": "..."}} on each line.'
        )
    return {key: str(value[key]) for key in KEYS if value.get(key) is not None}


def _refuse_twins(file: Path, requests: list[Request]) -> None:
    times = Counter(request.output for request in requests)
    twins = {str(output) for output, count in times.items() if count > 1}
    if twins:
        raise DataError(f"{file} writes {', '.join(sorted(twins))} twice; give each row its own output.")
