"""The command line as a whole: help, versions, usage, and what a start costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import signvip as package

COMMANDS = ("demo", "preprocess", "train", "encode", "tokenize", "generate", "evaluate", "doctor", "show")
PLUGIN_COMMANDS = ("list", "show", "check", "new")


def test_version(signvip):
    result = signvip("--version")
    assert (result.exit_code, result.stdout) == (0, f"signvip {package.__version__}\n")


def test_help_lists_every_command(signvip):
    result = signvip("--help")
    assert result.exit_code == 0
    for name in (*COMMANDS, "plugins"):
        assert f" {name} " in result.stdout


@pytest.mark.parametrize(
    "words", [(name,) for name in COMMANDS] + [("plugins", name) for name in PLUGIN_COMMANDS]
)
def test_every_command_has_help_with_examples_and_verbosity(signvip, words):
    result = signvip(*words, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert f"signvip {' '.join(words)}" in result.stdout
    assert "--verbose" in result.stdout


def test_a_misspelt_command_is_wrong_usage(signvip):
    result = signvip("trian")
    assert result.exit_code == 2
    assert "No such command 'trian'" in result.stderr


def test_a_missing_option_is_wrong_usage(signvip):
    result = signvip("train")
    assert result.exit_code == 2
    assert "--stage" in result.stderr


WORDS = ("--help", "train --help", "plugins --help", "--version")
STARTS = f"""
import contextlib, io, json, resource, sys
from signvip_cli.app import main
told = {{}}
for words in {WORDS}:
    sys.argv[1:] = words.split()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main()
        except SystemExit as end:
            code = end.code
    loaded = sorted({{'torch', 'diffusers', 'transformers', 'numpy'}} & set(sys.modules))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    told[words] = dict(code=code, loaded=loaded, seconds=seconds, printed=len(out.getvalue()))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def starts():
    """What one fresh process says after each of some command lines."""
    done = subprocess.run([sys.executable, "-c", STARTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("words", WORDS)
def test_help_is_quick_and_loads_no_torch(starts, words):
    start = starts[words]
    assert (start["code"] or 0, start["loaded"]) == (0, []) and start["printed"] > 0
    assert start["seconds"] < 3  # of the processor, which other work does not change; a few tenths here
