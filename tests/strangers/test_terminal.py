"""No text of a stranger moves a cursor, colours, reorders or breaks a line; and JSON stays JSON."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import unicodedata
import warnings

import pytest

from signvip.errors import DataError, SignVipWarning
from signvip.plain import plain, plain_json
from signvip_cli import console
from signvip_cli.boundary import explain
from signvip_cli.reporter import Bars, Lines

EVIL = [
    "\x1b[2J", "\x1b]0;title\x07", "\r\x1b[1A", "\x9b31m", "\x90q\x9c", "\x7f\x08", "one\ntwo", "one\rtwo", "\x85",
    "\u2028", "\u2029",
    "\u202egpj.exe", "\u2066\u2069", "\u200e\u200f\u061c", "\ufeff", "\U000e0041", "\ud800", "\x00", "\t",
]  # fmt: skip
FINE = ["größer", "明日は雨", "آب‌وهوا", "👩‍🚀", "C:\\new", "[bold]red[/bold]", "a\u00a0b", "e\u0301"]


def clean(text: str) -> bool:
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return all(unicodedata.category(char) not in hidden for char in text if char not in "\u200c\u200d")


@pytest.mark.parametrize("text", EVIL)
def test_what_a_terminal_would_obey_is_written_out(text):
    assert clean(plain(text)) and "\\" in plain(text)
    assert str(DataError(f"{text} is damaged")) == f"{plain(text)} is damaged"
    assert clean(str(SignVipWarning(text)))


@pytest.mark.parametrize("text", FINE)
def test_what_people_write_stays(text):
    assert plain(text) == text


@pytest.mark.parametrize("text", EVIL)
def test_every_way_out_is_plain(text, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    console.print_result(text)
    console.print_error(explain(DataError(text)))
    console.print_traceback(ValueError(text))
    console._Stderr().emit(logging.LogRecord("x", logging.WARNING, "", 0, text, (), None))
    console._show_warning(SignVipWarning(text), SignVipWarning, "", 0)
    for reporter in (Lines(), Bars()):
        reporter.say(text)
        with reporter.task(text, 1) as task:
            task.advance(**{text: 1.0})
    written = capsys.readouterr()
    assert len(written.out.splitlines()) == 1
    assert clean((written.out + written.err).replace("\n", ""))


@pytest.mark.parametrize("text", [*EVIL, *FINE])
def test_json_means_the_same(text, capsys):
    values = {text: [text, {"deep": text}], "number": 1.5}
    console.print_json(values)
    shown = capsys.readouterr().out
    assert json.loads(shown) == values and clean(shown.replace("\n", ""))


def test_json_has_no_word_for_numbers_that_are_none():
    shown = plain_json({"a": math.nan, "b": [math.inf, 1.0], "c": (-math.inf,)})
    assert json.loads(shown, parse_constant=lambda word: pytest.fail(word)) == {
        "a": None,
        "b": [None, 1.0],
        "c": [None],
    }


def test_the_command_itself(tmp_path):
    """An error, a result and a defect, of a real process."""
    name = "\x1b[31mevil\nname\u202e"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    made = subprocess.run(
        [sys.executable, "-m", "signvip_cli", "doctor", "--json", tmp_path / name],
        capture_output=True,
        env=env,
    )
    out, err = made.stdout.decode(), made.stderr.decode()
    assert json.loads(out) and clean((out + err).replace("\n", ""))


def test_a_defect_shows_a_plain_traceback(monkeypatch, capsys):
    from signvip_cli import app

    def defect():
        raise ZeroDivisionError("\x1b[2J")

    monkeypatch.setattr(app, "app", defect)
    with pytest.raises(SystemExit, match="1"):
        app.main()
    err = capsys.readouterr().err
    assert "ZeroDivisionError: \\x1b[2J" in err and "Traceback" in err and "\x1b" not in err


def test_warnings_of_ours_are_plain_wherever_they_are_shown():
    with pytest.warns(SignVipWarning) as caught:
        warnings.warn("\x1b[2J", SignVipWarning, stacklevel=1)
    assert clean(str(caught[0].message))
