"""The README's commands and its Python, run as they are printed; only the preset's numbers are made small."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from signvip_toysign import ToySign
from small import SMALL

from signvip import config

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SEVEN = [
    "signvip preprocess",
    "signvip train --stage 1",
    "signvip encode",
    "signvip train --stage 2 --quantizer fsq",
    "signvip tokenize",
    "signvip train --stage 3",
    'signvip generate "tomorrow it will rain in the north" ref.png',
]


def section(title: str) -> str:
    return re.split(r"^## ", README, flags=re.MULTILINE)[_titles().index(title) + 1]


def commands(text: str) -> list[str]:
    """Indented lines: what a reader copies into a terminal."""
    return [line.strip() for line in text.splitlines() if re.match(r" {4}\S", line)]


def _titles() -> list[str]:
    return re.findall(r"^## (.+)$", README, flags=re.MULTILINE)


@pytest.fixture
def few_numbers(monkeypatch):
    """`tiny` with networks, steps and clips for a test; every command line stays as it is printed."""
    read, ids = config.read_preset, ToySign.ids
    monkeypatch.setattr(config, "read_preset", lambda name: config.merge(read(name), SMALL))
    monkeypatch.setattr(ToySign, "ids", lambda self, split: ids(self, split)[:3])


def test_it_opens_with_the_two_commands():
    lines = commands(README.split("\n## ")[0])
    assert [line.split("#")[0].strip() for line in lines] == [
        "pip install -e . && signvip demo",
        'pip install -e ".[test]" && nox -s tests',
    ]


def test_its_commands_work_in_the_order_in_which_they_are_printed(signvip, few_numbers):
    assert commands(section("Train your own")) == SEVEN
    for line in [*SEVEN, *commands(section("Swap a part"))]:
        program, *words = shlex.split(line)
        if program == "cp":
            shutil.copytree(*words[1:])
            continue
        result = signvip(*words)
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception}"
    code = re.search(r"```python\n(.+?)```", section("From Python"), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code[1], names)
    assert len(names["result"].frames) == len(names["result"].tokens) > 0
