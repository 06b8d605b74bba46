"""Plant one fault after another in a copy of the sources, and see that the named tests fail.

Importing torch and diffusers takes longer than most tests: they are imported once, here, and each fault is tried in a
fork, which then imports the project from the copy. Words on the command line choose faults that contain one of them.
"""

from __future__ import annotations

import importlib
import os
import resource
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import ROOT, Fault, read_faults

LONGEST = 120  # seconds of processor time that the tests of a fault may take, however busy the machine is
HEARD = "heard.txt"  # what pytest says, in the copy


@dataclass(frozen=True)
class Trial:
    """Tests to run in a copy of the sources, with a fault or as they are."""

    name: str
    tests: tuple[str, ...]
    fault: Fault | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of a trial."""

    name: str
    word: str  # caught: a test failed; survived: none did; broken: they could not be run
    by: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.word:<9}{self.seconds:5.1f} s  {self.name:<80} {self.by}"


def main(words: Sequence[str]) -> int:
    """Try the faults and print a table; 1 where one was not caught."""
    faults = [fault for fault in read_faults() if not words or any(word in fault.name for word in words)]
    tests = sorted({test for fault in faults for test in fault.tests})
    warm_up()
    failing = [
        verdict for verdict in try_all([Trial(test, (test,)) for test in tests]) if verdict.word != "survived"
    ]
    if failing:
        print("These do not pass as they are; fix them first:", *failing, sep="\n")
        return 1
    missed = 0
    for verdict in try_all([Trial(fault.name, fault.tests, fault) for fault in faults]):
        print(verdict, flush=True)
        missed += verdict.word != "caught"
    print(f"{len(faults) - missed} of {len(faults)} faults caught")
    return 1 if missed or not faults else 0


def warm_up() -> None:
    """Import what the project imports, then forget the project; one thread, so that a fork has all of it."""
    import torch

    torch.set_num_threads(1)
    for name in (
        "signvip.stages.derive",
        "signvip.pipeline",
        "signvip.stages.stage1",
        "signvip.stages.stage2",
        "signvip.stages.stage3",
        "vector_quantize_pytorch",
    ):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.startswith("signvip")]:
        del sys.modules[name]


def try_all(trials: Sequence[Trial]) -> Iterator[Verdict]:
    """Verdicts as they come, of as many forks at a time as there are cores."""
    waiting, running = list(enumerate(trials)), dict[int, tuple[Trial, Path, float]]()
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                number, trial = waiting.pop(0)
                tree = copy_tree(Path(folder) / str(number))
                if trial.fault is not None:
                    (tree / trial.fault.file).write_text(trial.fault.planted())
                running[_fork(tree, trial.tests)] = trial, tree, time.monotonic()
            child, status = os.wait()
            trial, tree, begun = running.pop(child)
            yield Verdict(trial.name, _word(status), _first_failure(tree), time.monotonic() - begun)
            shutil.rmtree(tree)


def copy_tree(target: Path) -> Path:
    """What the tests import and read, with its compiled files: those of a changed source are older than it."""
    packages = [path.name for path in ROOT.glob("signvip*") if path.is_dir()]
    target.mkdir()
    for name in [*packages, *_roots(), "tests"]:
        shutil.copytree(ROOT / name, target / name)
    shutil.copy2(ROOT / "pyproject.toml", target)
    return target


def _roots() -> list[str]:
    """The folders below this one that packages are imported from, as the packaging names them."""
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    return [name for name in find["where"] if name != "."]


def _fork(tree: Path, tests: Sequence[str]) -> int:
    """Start the tests of a copy in a fork of this process; returns its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        os._exit(_test(tree, tests))
    finally:
        os._exit(3)


def _test(tree: Path, tests: Sequence[str]) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
    os.chdir(tree)
    sys.path[:0] = [str(tree), *(str(tree / name) for name in _roots())]
    heard = os.open(HEARD, os.O_WRONLY | os.O_CREAT)
    os.dup2(heard, 1)
    os.dup2(heard, 2)
    # nothing of pyproject's own options: those ask for several processes and leave slow tests out
    options = ["-x", "-q", "-rfE", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main([*options, "--rootdir", str(tree), *tests]))


def _word(status: int) -> str:
    return {0: "survived", 1: "caught"}.get(os.waitstatus_to_exitcode(status), "broken")


def _first_failure(tree: Path) -> str:
    """The test that failed, of pytest's summary; its last line where none did."""
    heard = tree / HEARD
    lines = heard.read_text().strip().splitlines() if heard.is_file() else []
    failed = [line.split(" ", 1)[1] for line in lines if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].removeprefix("tests/") if failed else "".join(lines[-1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
