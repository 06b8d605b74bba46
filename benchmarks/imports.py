"""CPU seconds of what `signvip generate` imports, as a ratio to torch alone: whole processes, from start to end.

    python benchmarks/imports.py --output imports.json

Modules are those that the command has loaded once it has made a frame with the embedded model, imported again in fresh
processes; `as they are` leaves the garbage collector on, which is what Python would do by itself. Both take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

RUN = """
import json, sys
from signvip_cli.app import main
sys.argv = ["signvip", "generate", "rain", "ref.png", "-o", "a.mp4", "--steps", "1", "--max-frames", "1",
            "--device", "cpu", "--run", "embedded"]
try:
    main()
finally:
    print(json.dumps([name for name in sys.modules if not name.startswith("__")]))
"""
AGAIN = """
import contextlib, importlib, json, sys
from signvip_cli.imports import heavy_imports
with {context}:
    for name in json.load(open("modules.json")):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
"""
SIDES = {
    "torch": "import torch",
    "generate": AGAIN.format(context="heavy_imports()"),
    "generate, as they are": AGAIN.format(context="contextlib.nullcontext()"),
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), options.repeats)
    beyond = {name: value - seconds["torch"] for name, value in seconds.items()}
    for name, value in seconds.items():
        ratio = value / seconds["torch"]
        print(f"{name:24} {value:5.2f} CPU seconds, {beyond[name]:5.2f} beyond torch, x{ratio:.2f} of it")
    if options.output is not None:
        options.output.write_text(json.dumps({"seconds": seconds, "beyond torch": beyond}, indent=2))


def measure(folder: Path, repeats: int) -> dict[str, float]:
    """Return the least CPU seconds (user and system) of a process that imports each side and ends."""
    Image.fromarray(np.full((64, 64, 3), 150, np.uint8)).save(folder / "ref.png")
    told = _run(RUN, folder).stdout.splitlines()[-1]
    (folder / "modules.json").write_text(told)
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(repeats):
        for name, code in SIDES.items():
            before = _spent()
            _run(code, folder)
            seconds[name].append(_spent() - before)
    return {name: min(times) for name, times in seconds.items()}


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **ONE_THREAD}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
