"""What a person sees of long work."""

from __future__ import annotations

import pytest

from signvip_cli import reporter
from signvip_cli.reporter import Bars, Lines, format_seconds, format_speed, make_reporter


def test_a_pipe_gets_plain_lines(capsys):
    chosen = make_reporter()
    assert isinstance(chosen, Lines)
    with chosen.task("stage1-image", 3) as task:
        task.advance()
        task.advance(2, loss=0.51234)
    chosen.say("[bold] is no markup")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["stage1-image: 3/3 loss 0.5123 done in 0 s", "[bold] is no markup"]


def test_lines_are_sparse_and_tell_speed_and_time_left(capsys, monkeypatch):
    clock = iter(range(0, 100_000, 2))
    monkeypatch.setattr(reporter.time, "monotonic", lambda: next(clock))
    with Lines().task("stage2", 1000, done=500) as task:
        for _ in range(500):
            task.advance(loss=1.0)
    lines = capsys.readouterr().err.splitlines()
    assert 4 <= len(lines) <= 11
    assert lines[0] == "stage2: 600/1000 loss 1 2.0 s each 13 min 20 s left"
    assert lines[-1].startswith("stage2: 1000/1000 loss 1 done in ")


def test_a_task_cut_short_does_not_say_done(capsys):
    with pytest.raises(KeyboardInterrupt), Lines().task("work", 3):
        raise KeyboardInterrupt
    assert "done" not in capsys.readouterr().err


def test_bars_show_values_speed_and_end_with_the_display_closed(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    bars = Bars()
    with bars.task("out[er]", 2) as outer, bars.task("inner", 1) as inner:
        inner.advance(loss=0.25)
        outer.advance(2)
    err = capsys.readouterr().err
    assert "out[er]" in err
    assert "loss 0.25" in err
    assert not bars._progress.live.is_started


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_seconds_in_words(seconds, words):
    assert format_seconds(seconds) == words


def test_speed_reads_either_way():
    assert format_speed(12.34) == "12.3/s"
    assert format_speed(0.25) == "4.0 s each"
