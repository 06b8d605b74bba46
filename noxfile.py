#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2024.10.9"]
# ///
"""All checks of the project; CI calls these sessions and has no logic of its own.

`nox -s tests` runs in the environment that nox was started from, so that after `pip install -e ".[test]"`
nobody downloads torch twice; `nox -s tests-isolated` builds one of its own. The other sessions keep theirs.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT, max_version="3.13")
RUFF = next(need for need in PROJECT["project"]["optional-dependencies"]["dev"] if need.startswith("ruff=="))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, imports and layout."""
    session.install(RUFF)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check annotations with mypy, strictly."""
    session.install("-e", ".[test]", "mypy>=1.13")
    session.run("mypy", *session.posargs)
    session.run("mypy", *map(str, sorted(set(Path("docs").rglob("*.py")) - {Path("docs/conf.py")})))


# As many processes as there are cores; one that is done takes tests from the others. `nox -s tests -- -n 0` uses one.
_SHARED = ("-n", "auto", "--dist", "worksteal")
# Small networks gain nothing by a second thread, and threads that spin while they wait starve what runs beside them.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the quick tests, on all cores, in the environment nox was started from."""
    session.run(sys.executable, "-m", "pytest", *_SHARED, *session.posargs, env=_ONE_THREAD)


@nox.session(venv_backend="none")
def slow(session: nox.Session) -> None:
    """Run the tests that take long, in the environment nox was started from: kills, processes, memory."""
    session.run(sys.executable, "-m", "pytest", "-m", "slow", *_SHARED, *session.posargs, env=_ONE_THREAD)


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Read files of every kind with a few places changed, a minute for each kind; seconds and kinds may be given."""
    session.run(sys.executable, "tests/fuzz/session.py", *session.posargs, env=_ONE_THREAD)


@nox.session(venv_backend="none")
def mutants(session: nox.Session) -> None:
    """Plant faults in a copy, one at a time, and see that tests fail; words choose faults that contain one of them."""
    session.run(sys.executable, "tests/mutants/run.py", *session.posargs, env=_ONE_THREAD)


@nox.session(name="tests-isolated", python=PYTHONS)
def tests_isolated(session: nox.Session) -> None:
    """Run the tests in an environment of their own."""
    session.install("-e", ".[test]")
    session.run("pytest", *_SHARED, *session.posargs, env=_ONE_THREAD)


@nox.session(python=PYTHONS[0], venv_backend="uv")
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows."""
    session.install("--resolution=lowest-direct", "-e", ".[test]")
    session.run("pytest", *_SHARED, *session.posargs, env=_ONE_THREAD)


@nox.session
def example(session: nox.Session) -> None:
    """Install the plugin of the documentation as a stranger would, test it, and train with it."""
    session.install("pytest", ".", "./plugins/signvip-example")
    session.run("pytest", "plugins/signvip-example/tests")
    folder = session.create_tmp()
    session.chdir(folder)
    session.run("signvip", "plugins", "check", "sign", "--kind", "quantizer")
    for command in _SMALLEST_CHAIN:
        session.run("signvip", *command)


# As few clips and steps as there can be: what is tried is the door, not the model.
_SMALLEST_CHAIN = (
    ("preprocess", "--set", "dataset.train=4", "--set", "dataset.dev=2", "--set", "dataset.test=2"),
    ("train", "--stage", "1", "--steps", "2"),
    ("train", "--stage", "2", "--quantizer", "sign", "--set", "quantizer.channels=10", "--steps", "2"),
    ("tokenize",),
)


@nox.session(python="3.11")
def mediapipe(session: nox.Session) -> None:
    """Test the MediaPipe plugin in an environment of its own: it pins NumPy 1. SIGNVIP_CLIPS adds real clips."""
    session.install("mediapipe==0.10.21", "pytest", *_WITHOUT_TORCH)
    session.install("--no-deps", ".", "./plugins/signvip-mediapipe")
    session.run("pytest", "plugins/signvip-mediapipe/tests", *session.posargs)
    session.run("signvip", "plugins", "check", "mediapipe")
    Path(_TASK).parent.mkdir(exist_ok=True)
    session.run("python", "plugins/signvip-mediapipe/tests/write_task.py", _TASK)


@nox.session(name="mediapipe-task", python="3.11")
def mediapipe_task(session: nox.Session) -> None:
    """Test the plugin with a MediaPipe that has no models, and a task file: SIGNVIP_TASK, or what `mediapipe` wrote."""
    session.install("mediapipe>=1.2", "pytest", *_WITHOUT_TORCH)
    session.install("--no-deps", ".", "./plugins/signvip-mediapipe")
    environment = {"SIGNVIP_TASK": os.environ.get("SIGNVIP_TASK", _TASK)}
    session.run("pytest", "plugins/signvip-mediapipe/tests", *session.posargs, env=environment)


_TASK = str(Path(__file__).parent / "build" / "holistic_landmarker.task")


@nox.session
def dwpose(session: nox.Session) -> None:
    """Test the DWPose plugin in an environment of its own, with networks that the tests write."""
    session.install("onnx>=1.16", "onnxruntime>=1.17", "pytest", "rtmlib>=0.0.13", *_WITHOUT_TORCH)
    session.install("--no-deps", ".", "./plugins/signvip-dwpose")
    session.run("pytest", "plugins/signvip-dwpose/tests", *session.posargs)


@nox.session(venv_backend="none")
def depth(session: nox.Session) -> None:
    """Test the depth plugin in the environment nox was started from: it needs what SignViP needs."""
    environment = {**_ONE_THREAD, "PYTHONPATH": "plugins/signvip-depth"}
    tests = "plugins/signvip-depth/tests"
    session.run(sys.executable, "-m", "pytest", tests, *session.posargs, env=environment)


# What extraction needs of SignViP's dependencies; nobody waits for torch to look at a picture.
_WITHOUT_TORCH = (
    "av>=17",
    "packaging",
    "pebble>=5",
    "pillow>=10.3",
    "pluggy",
    "pydantic>=2.9",
    "rich",
    "scikit-image",
    "typer>=0.20",
)


# The environment that nox was started from serves where it has the extra `docs`, so that torch is not downloaded twice.
_DOCS_HERE = importlib.util.find_spec("furo") is not None


@nox.session(venv_backend="none" if _DOCS_HERE else None)
def docs(session: nox.Session) -> None:
    """Build the site into docs/_build/html, where a warning is an error, and look at its pages."""
    if not _DOCS_HERE:
        session.install("-e", ".[docs]")
    python = sys.executable if _DOCS_HERE else "python"
    session.run(python, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "docs", _SITE)
    session.run(python, "docs/check_site.py", _SITE)


_SITE = "docs/_build/html"


@nox.session
def ray(session: nox.Session) -> None:
    """Preprocess and make videos on a local Ray cluster, in an environment of its own."""
    session.install("-e", ".[test,ray]")
    session.run("pytest", "tests/data/test_ray.py", "tests/test_ray_videos.py", *session.posargs)


@nox.session
def provenance(session: nox.Session) -> None:
    """Sign videos and verify them, in an environment of its own: signatures differ each time, as no other file does."""
    session.install("-e", ".[test,provenance]")
    session.run("pytest", "tests/origin", "tests/track", "tests/serve/test_made.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure every ratio of docs/results/benchmarks.md into benchmarks/results/; half an hour on one core."""
    session.install("-e", ".")
    results = Path("benchmarks/results")
    results.mkdir(exist_ok=True)
    session.env["OMP_NUM_THREADS"] = "1"
    for name in session.posargs or _BENCHMARKS:
        session.run("python", f"benchmarks/{name}.py", "--output", str(results / f"{name}.json"))


_BENCHMARKS = (
    "translator",
    "loader",
    "footage",
    "quantizers",
    "sampler",
    "cache",
    "vae",
    "quality",
    "imports",
    "validation",
    "cuda",
)


@nox.session(venv_backend="none")
def embedded(session: nox.Session) -> None:
    """Make the embedded model again, in hours: `nox -s embedded -- FOLDER`; given again, it goes on where it stopped.

    Needs `signvip[lexicon]`. The commands are those of its page. What is done stays done: a later one trains the
    pictures of an earlier one on, which would begin anew.
    """
    if len(session.posargs) != 1:
        session.error("Name the folder: nox -s embedded -- FOLDER")
    commands = _commands(Path("docs/how-to/embedded.md").read_text(encoding="utf-8"))
    folder = Path(session.posargs[0])
    folder.mkdir(parents=True, exist_ok=True)
    session.chdir(folder)
    done = Path("done.txt")
    before = done.read_text(encoding="utf-8").splitlines() if done.exists() else []
    for command in commands:
        if command not in before:
            session.run(*shlex.split(command))
            with done.open("a", encoding="utf-8") as file:
                file.write(f"{command}\n")


def _commands(page: str) -> list[str]:
    """Return the commands of `signvip` in a page's section on them, each in a line."""
    section = page.split("\n## The commands\n")[1].split("\n## ")[0]
    lines = re.sub(r" *\\\n *", " ", section).splitlines()
    return [line.strip() for line in lines if line.startswith("    signvip ")]


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the source distribution into dist/."""
    session.install("build>=1.2")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", *session.posargs)


if __name__ == "__main__":
    nox.main()
