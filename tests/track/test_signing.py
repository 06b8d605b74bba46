"""The whole of `sign` on films written here, with clips of known colours in the place of the model's."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from films import film, numbered
from PIL import Image

import signvip
from signvip.data.video import read_video
from signvip.errors import ConfigError, DataError
from signvip.origin.canvas import of_frames
from signvip.origin.detection import detect
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.writing import GeneratedVideo
from signvip_cli.app import main
from signvip_track import clips
from signvip_track.signing import TrackOptions, drawn_signer, sign

FPS, FRAMES = 10, 10
PLAIN = OriginOptions(mark=False, manifest=False)
CUES = "WEBVTT\n\n00:00.500 --> 00:01.500\none\n\n00:02.000 --> 00:02.500\ntwo\n\n00:02.600 --> 00:02.700\nthree\n"
COLOURS = {"one": (250, 20, 20), "two": (20, 250, 20), "three": (20, 20, 250)}


@pytest.fixture
def asked(monkeypatch):
    """Texts that the model was asked for; it makes a second of one colour of each."""
    made = []

    def make(requests, *, origin, options, reporter, **_):
        for request in requests:
            if request.text == "stop":
                raise KeyboardInterrupt
            made.append(request.text)
            colour = COLOURS.get(request.text, (200, 200, 200))
            with (
                reporter.task(request.text, 1),
                GeneratedVideo(request.output, FPS, Origin(request.text), origin) as video,
            ):
                video.write(np.full((FRAMES, 32, 32, 3), colour, np.uint8))
            about = {"generated": True, "frames": FRAMES, "fps": FPS, "weights": "w", "warnings": []}
            request.output.with_suffix(".json").write_text(json.dumps(about))

    monkeypatch.setattr(clips, "generate", make)
    return made


@pytest.fixture
def talk(tmp_path):
    """A film of three seconds with sound, and its subtitles."""
    frames = [frame for _ in range(3) for frame in numbered(10, (90, 160))]
    film(tmp_path / "talk.mp4", frames, rate=10, sound=True)
    (tmp_path / "talk.vtt").write_text(CUES)
    return tmp_path / "talk.vtt", tmp_path / "talk.mp4", tmp_path / "out.mp4"


def seen(path: Path, stream=0):
    """(seconds, (H, W, 3)) of each frame of a stream of video."""
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=stream)]


def packets(path: Path, kind):
    with av.open(str(path)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(**{kind: 0}) if packet.size]


def colour(picture, corner="br"):
    """The middle of the inset at a scale of 0.5."""
    rows = slice(-40, -10) if corner[0] == "b" else slice(10, 40)
    columns = slice(-40, -10) if corner[1] == "r" else slice(10, 40)
    return picture[rows, columns].mean(axis=(0, 1))


def is_signed(picture, text, corner="br"):
    return bool(np.abs(colour(picture, corner) - COLOURS[text]).max() < 30)


HALF = TrackOptions(scale=0.5)


def test_the_film_keeps_its_frames_size_times_and_sound(talk, asked):
    made = sign(*talk, track=HALF, origin=PLAIN)
    before, after = seen(talk[1]), seen(made.video)
    assert [time for time, _ in before] == [time for time, _ in after]
    assert packets(talk[1], "audio") == packets(made.video, "audio")
    with av.open(str(made.video)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert old.shape == new.shape
        assert np.abs(old.astype(int) - new)[:, :100].mean() < 3


def test_cues_come_and_go_to_the_frame_and_what_does_not_fit_is_told(talk, asked):
    made = sign(*talk, track=HALF, origin=PLAIN)
    shown = {text: [round(t, 3) for t, p in seen(made.video) if is_signed(p, text)] for text in COLOURS}
    assert shown["one"] == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
    assert (shown["two"], shown["three"]) == ([], [])
    assert [one.number for one in made.misfits] == [2, 3]
    told = json.loads(made.sidecar.read_text())
    assert [one["cue"] for one in told["misfits"]] == [2, 3]
    assert told["signed"][0]["shown"] == [0.5, 1.5] and told["frames"] == 30


@pytest.mark.parametrize("corner", ["tl", "tr", "bl", "br"])
def test_every_corner(talk, asked, corner):
    made = sign(*talk, track=TrackOptions(corner=corner, scale=0.5), origin=PLAIN)
    picture = dict((round(t, 3), p) for t, p in seen(made.video))[1.0]
    assert [one for one in ("tl", "tr", "bl", "br") if is_signed(picture, "one", one)] == [corner]


def test_a_film_of_changing_rate_is_signed_by_its_times(tmp_path, asked):
    times = [0, 1, 4, 5, 6, 14, 15, 16, 28]
    film(tmp_path / "a.mp4", numbered(9, (90, 160)), rate=10, times=times)
    (tmp_path / "a.vtt").write_text(CUES)
    made = sign(tmp_path / "a.vtt", tmp_path / "a.mp4", tmp_path / "out.mp4", track=HALF, origin=PLAIN)
    after = seen(made.video)
    assert [round(time * 10) for time, _ in after] == times
    assert [round(time * 10) for time, picture in after if is_signed(picture, "one")] == [5, 6, 14]
    with av.open(str(made.video)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("between", ["nothing", "rest"])
def test_a_stream_of_its_own_leaves_the_film_as_it_is(talk, asked, tmp_path, between):
    Image.new("RGB", (32, 32), (20, 20, 250)).save(tmp_path / "ref.png")
    track = TrackOptions(track="stream", between=between)
    made = sign(*talk, track=track, origin=PLAIN, reference=tmp_path / "ref.png")
    assert packets(talk[1], "video") == packets(made.video, "video")
    assert packets(talk[1], "audio") == packets(made.video, "audio")
    signer = {round(time, 3): picture.mean(axis=(0, 1)) for time, picture in seen(made.video, 1)}
    assert len(signer) == 30
    assert np.abs(signer[1.0] - COLOURS["one"]).max() < 30
    assert np.abs(signer[0.0] - ((0, 0, 0) if between == "nothing" else (20, 20, 250))).max() < 30


def test_a_file_of_its_own_is_as_long_as_the_film(talk, asked):
    made = sign(*talk, track=TrackOptions(track="file"), origin=PLAIN)
    assert [time for time, _ in seen(made.video)] == [time for time, _ in seen(talk[1])]
    assert seen(made.video)[0][1].shape == (32, 32, 3)


def test_it_goes_on_where_it_was_stopped_and_leaves_nothing_behind(talk, asked):
    talk[0].write_text(CUES + "\n00:02.800 --> 00:02.900\nstop\n")
    with pytest.raises(KeyboardInterrupt):
        sign(*talk, track=HALF, origin=PLAIN)
    assert not talk[2].exists() and asked == ["one", "two", "three"]
    talk[0].write_text(CUES)
    sign(*talk, track=HALF, origin=PLAIN)
    assert asked == ["one", "two", "three"]
    assert sorted(path.name for path in talk[2].parent.iterdir()) == [
        "out.json",
        "out.mp4",
        "talk.mp4",
        "talk.vtt",
    ]


def test_sentences_that_are_kept_are_not_made_again(talk, asked, tmp_path):
    sign(*talk, track=HALF, origin=PLAIN, kept=tmp_path / "clips")
    talk[0].write_text(CUES.replace("two", "four"))
    asked.clear()
    sign(*talk, track=TrackOptions(scale=0.4), origin=PLAIN, kept=tmp_path / "clips")
    assert asked == ["four"]
    assert len(list((tmp_path / "clips").glob("*.mp4"))) == 4


def test_the_same_sentence_is_signed_once(talk, asked):
    talk[0].write_text("WEBVTT\n\n" + "\n\n".join(f"00:0{n}.000 --> 00:0{n}.900\none" for n in range(3)))
    assert len(sign(*talk, track=HALF, origin=PLAIN).placements) == 3
    assert asked == ["one"]


def test_the_signer_has_the_mark_and_the_file_says_where_it_is_from(tmp_path, asked):
    film(tmp_path / "a.mp4", [f for _ in range(5) for f in numbered(10, (120, 160))], rate=10)
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:05.000\none\n")
    track = TrackOptions(scale=0.8, corner="tl")
    made = sign(
        tmp_path / "a.vtt",
        tmp_path / "a.mp4",
        tmp_path / "out.mp4",
        track=track,
        origin=OriginOptions(manifest=False),
    )
    payload = json.loads(made.sidecar.read_text())["origin"]["mark"]["payload"]
    inset = read_video(made.video)[0][:, 2 : 2 + 96, 2 : 2 + 96]
    found = detect(of_frames(inset, 10))
    assert found is not None and found.found and f"{found.payload:04x}" == payload
    said = signvip.verify(made.video)
    assert said.generated and said.sidecar.holds
    assert (said.mark.holds, said.mark.facts["payload"]) == (True, payload)


def test_the_manifest_calls_it_a_composite_of_what_was_signed(talk, asked):
    pytest.importorskip("c2pa")
    said = signvip.verify(sign(*talk, track=HALF).video)
    assert said.manifest.holds
    assert said.manifest.facts["text"] == "one"
    assert "composite" in said.manifest.facts["sources"][0]


def test_cues_after_the_film_are_told_and_not_made(talk, asked):
    talk[0].write_text(CUES + "\n01:00.000 --> 01:02.000\nlate\n")
    made = sign(*talk, track=HALF, origin=PLAIN)
    assert "late" not in asked
    assert "after the film's end" in made.misfits[-1].why


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": 0}, "scale"),
        ({"speed_limit": 0.5}, "speed limit"),
        ({"speed_limit": float("nan")}, "speed limit"),
        ({"corner": "middle"}, "corner"),
        ({"track": "sound"}, "track"),
    ],
    ids=lambda value: str(value),
)
def test_what_no_track_can_have_is_refused(talk, options, words):
    with pytest.raises(ConfigError, match=words):
        sign(*talk, track=TrackOptions(**options))


def test_files_of_the_user_are_not_replaced(talk, asked):
    subtitles, movie, output = talk
    with pytest.raises(DataError, match="is read and would be replaced"):
        sign(subtitles, movie, movie, overwrite=True)
    output.write_text("mine")
    with pytest.raises(DataError, match="--overwrite"):
        sign(*talk)
    with pytest.raises(DataError, match="end its name"):
        sign(subtitles, movie, output.with_suffix(".txt"))
    sign(*talk, track=HALF, origin=PLAIN, overwrite=True)
    assert len(seen(output)) == 30


def test_a_cue_that_only_the_sound_reaches_is_told(tmp_path, asked):
    film(tmp_path / "a.mkv", numbered(20, (90, 160)), rate=10, sound=True)  # a second more of sound
    (tmp_path / "a.vtt").write_text(CUES + "\n00:02.800 --> 00:04.000\nfour\n")
    made = sign(tmp_path / "a.vtt", tmp_path / "a.mkv", tmp_path / "out.mkv", track=HALF, origin=PLAIN)
    assert [one.cue.text for one in made.placements] == ["one"]
    assert {one.text for one in made.misfits} == {"two", "three", "four"}


def test_a_film_that_is_missing_or_none_is_told(talk, asked):
    with pytest.raises(DataError, match="There is no video"):
        sign(talk[0], talk[1].with_name("none.mp4"), talk[2])
    talk[1].write_text("no film")
    with pytest.raises(DataError, match="no video"):
        sign(*talk)
    assert asked == []


def test_the_command_prints_what_was_made_and_lists_what_was_not(talk, asked, capsys, monkeypatch):
    subtitles, movie, output = map(str, talk)
    command = [
        "sign",
        subtitles,
        "--over",
        movie,
        "--corner",
        "br",
        "--language",
        "ase",
        "-o",
        output,
        "--no-manifest",
    ]
    monkeypatch.setattr("sys.argv", ["signvip", *command, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert not ended.value.code
    told = json.loads(printed.out)
    assert (told["video"], [one["text"] for one in told["signed"]]) == (output, ["one"])
    assert "Cue 2 (line 6) needs" in printed.err


def test_a_signer_travels_with_the_package():
    assert drawn_signer().is_file()
