"""The command line as a whole: help, versions, usage, and what a start costs."""

from __future__ import annotations

import subprocess
import sys
import time

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


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["plugins", "--help"], ["--version"]])
def test_help_is_quick_and_loads_no_torch(words):
    code = (
        "import sys\n"
        "from signvip_cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    loaded = {'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules)\n"
        "    sys.exit(f'loaded {loaded}' if loaded or end.code else 0)"
    )
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        seconds.append(time.perf_counter() - begin)
        assert done.returncode == 0, done.stderr
    assert min(seconds) < 3  # under 1 s on an idle machine; tests share it with others
