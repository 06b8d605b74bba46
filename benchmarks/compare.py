"""Two ways to the same result, as a ratio of CPU seconds: what all benchmarks here are made of."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

Row = dict[str, float]


def compare(
    ours: Callable[[], list[Tensor]],
    theirs: Callable[[], list[Tensor]],
    repeats: int,
    tolerance: float = 1e-4,
) -> Row:
    """CPU seconds of both sides, taking turns, and their ratio; the outputs must agree first.

    `error` is by how much they differ. An approximation has a tolerance of infinity, and its cost is judged on
    trained weights.
    """
    error = 0.0
    for mine, other in zip(ours(), theirs(), strict=True):
        torch.testing.assert_close(mine, other, atol=tolerance, rtol=tolerance)
        error = max(error, float((mine.double() - other.double()).abs().max()))
    seconds: dict[str, list[float]] = {"ours": [], "baseline": []}
    for _ in range(repeats):
        for name, run in (("ours", ours), ("baseline", theirs)):
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    fastest = {name: min(times) for name, times in seconds.items()}
    return {**fastest, "measured": fastest["baseline"] / fastest["ours"], "error": error}


def compare_work(
    ours: Callable[[], list[Tensor]],
    theirs: Callable[[], list[Tensor]],
    repeats: int,
    tolerance: float = 1e-4,
) -> Row:
    """Return the same, with the ratio of multiply-adds that PyTorch counts as the prediction."""
    return {"predicted": flops(theirs) / flops(ours), **compare(ours, theirs, repeats, tolerance)}


def flops(run: Callable[[], object]) -> int:
    """Floating-point operations of matrix products, convolutions and attention."""
    with FlopCounterMode(display=False, custom_mapping=ONEDNN) as counter:
        run()
    return counter.get_total_flops()


def _linear(x: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return 2 * prod(x) * weight[0]


def _pointwise(x: Any, weight: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return 2 * prod(out_shape) * weight[1]


ONEDNN = {  # PyTorch's counter does not know these
    torch.ops.mkldnn._linear_pointwise: _linear,
    torch.ops.mkldnn._convolution_pointwise: _pointwise,
}


def report(rows: dict[str, Row], options: argparse.Namespace) -> None:
    """Print a line for each ratio; with `--output`, write them as JSON with machine and commit."""
    for name, row in rows.items():
        print(f"{name:60} x{row['measured']:6.2f} (predicted x{row['predicted']:.2f})")
    if options.output is not None:
        about = {
            "options": vars(options) | {"output": None},
            "machine": platform.processor(),
            "commit": _commit(),
        }
        options.output.write_text(json.dumps({**about, "torch": torch.__version__, "rows": rows}, indent=2))


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return the options that every benchmark has; torch is held to one thread."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path)
    return parser


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip()
