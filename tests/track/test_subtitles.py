"""Subtitles: every block of a file is a cue or is told, whatever is odd about it."""

from __future__ import annotations

import pytest

from signvip.errors import DataError
from signvip_track.subtitles import Cue, parse_subtitles, read_subtitles

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello\nthere\n\n2\n00:01:03,5 --> 01:00:04,000\nBye\n"
VTT = "WEBVTT talk\n\nNOTE nobody signs this\n\nSTYLE\n::cue {}\n\none\n00:01.000 --> 00:02.500 line:0\nHello\nthere\n"


def parsed(content):
    return list(parse_subtitles(content))


def test_srt_and_vtt_say_the_same():
    first, second = parsed(SRT)
    assert first == Cue(1, 1, 1.0, 2.5, "Hello there")
    assert (second.start, second.end, second.number) == (63.5, 3604.0, 2)
    (only,) = parsed(VTT)
    assert (only.start, only.end, only.text, only.line) == (1.0, 2.5, "Hello there", 8)


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"], ids=["windows", "mac", "unix"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_codings_and_line_ends(tmp_path, coding, ends):
    (tmp_path / "a.srt").write_bytes(SRT.replace("Bye", "Tschüß").replace("\n", ends).encode(coding))
    assert [cue.text for cue in read_subtitles(tmp_path / "a.srt").cues] == ["Hello there", "Tschüß"]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("<i>Hello</i> <v Anna>there</v>", "Hello there"),
        ("{\\an8}Hello <00:00:01.500><c.red>there</c>", "Hello there"),
        ("1 &lt; 2 &amp; 3 < 4", "1 < 2 & 3 < 4"),
        ('<font color="#fff">Hello</font>', "Hello"),
    ],
)
def test_markup_is_not_signed(written, seen):
    assert [cue.text for cue in parsed(f"00:01.000 --> 00:02.000\n{written}\n")] == [seen]


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("00:00:02,000 --> 00:00:01,000\nback", "ends at 1.000 s"),
        ("00:00:01,000 --> 00:00:01,000\nno time", "ends at 1.000 s"),
        ("00:00:01,000 --> 00:00:02,000", "has no text"),
        ("00:00:01,000 --> 00:00:02,000\n<i> </i>", "has no text"),
        ("00:99:01,000 --> 00:00:02,000\nlate", "times that cannot be read"),
        ("1 --> 2\nshort", "times that cannot be read"),
        ("a text\nalone", "no times"),
        ("00:00:01,000 --> 00:00:02,000\n" + "a" * 2001, "more than 2000"),
    ],
    ids=["reversed", "no length", "empty", "only markup", "minute 99", "no times", "text alone", "too long"],
)
def test_an_odd_cue_is_told_and_the_others_are_read(tmp_path, block, why):
    (tmp_path / "a.srt").write_text(f"1\n{block}\n\n" + SRT)
    found = read_subtitles(tmp_path / "a.srt")
    assert len(found.cues) == 2
    (odd,) = found.odd
    assert odd.number == 1 and why in str(odd)


def test_cues_without_an_empty_line_between_them_are_two():
    first, second = parsed(SRT.replace("\n\n2", "\n2"))
    assert (first.text, second.text) == ("Hello there", "Bye")
    assert second.line == 5


def test_cues_come_by_their_starts(tmp_path):
    (tmp_path / "a.srt").write_text("00:03.000 --> 00:04.000\nlast\n\n" + SRT)
    assert [cue.text for cue in read_subtitles(tmp_path / "a.srt").cues] == ["Hello there", "last", "Bye"]


@pytest.mark.parametrize("content", [b"", b"WEBVTT\n", b"a text\n", b"\xff\xfa\xfe"])
def test_a_file_without_cues_is_refused(tmp_path, content):
    (tmp_path / "a.vtt").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.vtt"):
        read_subtitles(tmp_path / "a.vtt")
    with pytest.raises(DataError, match="cannot be read"):
        read_subtitles(tmp_path / "missing.vtt")


def test_ten_thousand_cues_are_all_there():
    blocks = (
        f"{n}\n{n // 3600}:{n // 60 % 60:02d}:{n % 60:02d}.000 --> 99:00:00.000\ncue {n}\n"
        for n in range(10_000)
    )
    assert [cue.text for cue in parsed("\n".join(blocks))] == [f"cue {n}" for n in range(10_000)]
