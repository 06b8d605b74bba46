"""Fuzz each target for some seconds and write the counts: `nox -s fuzz`, or with seconds and names of targets.

python tests/fuzz/session.py [SECONDS] [TARGET ...]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

sys.path.append(str(Path(__file__).parents[1]))  # helpers of all tests, which pytest finds by itself

from targets import Target, attempt, targets

SECONDS = 60.0  # for each target
BATCH = 100  # inputs between two looks at the clock
QUIET = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "verbosity": Verbosity.quiet,
}


def fuzz(target: Target, folder: Path, *, inputs: int, number: int, counts: Counter[str]) -> None:
    """Try some inputs, the same ones for the same number; raises for the smallest that has no right outcome."""

    @seed(number)
    @settings(max_examples=inputs, phases=(Phase.generate, Phase.shrink), **QUIET)
    @given(target.inputs)
    def one(value: object) -> None:
        counts[attempt(target, value, folder)] += 1

    one()


def main(seconds: float, names: list[str]) -> int:
    """Fuzz; returns how many targets failed."""
    failed, rows = 0, {}
    for name, target in targets().items():
        if names and not any(part in name for part in names):
            continue
        counts: Counter[str] = Counter()
        begin, number = time.monotonic(), 0
        with tempfile.TemporaryDirectory() as folder:
            try:
                while time.monotonic() - begin < seconds:
                    fuzz(target, Path(folder), inputs=BATCH, number=number, counts=counts)
                    number += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                failed += 1
                counts["failed"] += 1
                traceback.print_exception(error, limit=-8)
        rows[name] = {**counts, "inputs": sum(counts.values()), "seconds": round(time.monotonic() - begin)}
        print(f"{name:<24} {dict(counts)}", flush=True)
    out = Path("build/fuzz.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(rows, indent=2) + "\n")
    print(f"{sum(row['inputs'] for row in rows.values())} inputs; {failed} targets failed; counts in {out}")
    return failed


if __name__ == "__main__":
    given_seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    sys.exit(bool(main(given_seconds, sys.argv[2:])))
