"""The session that makes the embedded model again: the commands of its page, each once, however often it is stopped."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "embedded.md"
# In the place of `signvip`: notes what it is asked for, and fails once in the middle.
NOTING = """#!{python}
import pathlib, sys
noted = pathlib.Path({noted!r})
said = noted.read_text().splitlines() if noted.exists() else []
noted.write_text("\\n".join([*said, repr(sys.argv[1:])]) + "\\n")
sys.exit("--stage" in sys.argv and "2" in sys.argv and len(said) == 2)
"""


def made_again(tmp_path):
    environment = {**os.environ, "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]])}
    command = [sys.executable, "-m", "nox", "-s", "embedded", "--", str(tmp_path / "model")]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_each_command_of_the_page_is_done_once_in_its_order(tmp_path):
    noted = tmp_path / "noted.txt"
    (tmp_path / "signvip").write_text(NOTING.format(python=sys.executable, noted=str(noted)))
    (tmp_path / "signvip").chmod(0o755)
    first = made_again(tmp_path)
    assert first.returncode == 1, first.stderr
    assert len(noted.read_text().splitlines()) == 3
    second = made_again(tmp_path)
    assert second.returncode == 0, second.stderr
    asked = [literal_eval(line) for line in noted.read_text().splitlines()]
    assert asked[2] == asked[3] == ["train", "--stage", "2", "--run", "runs/embedded"]
    page = PAGE.read_text().replace("\\\n", " ")
    for words in asked:
        assert any(
            shlex.split(line.strip())[1:] == words for line in page.splitlines() if "signvip " in line[:12]
        )
    assert [words[0] for words in asked] == [
        "preprocess",
        *["train"] * 3,
        "preprocess",
        "tokenize",
        *["train"] * 3,
    ]
    assert made_again(tmp_path).returncode == 0 and len(noted.read_text().splitlines()) == len(asked)
