"""What real corpora do to a run: damage of ten kinds, and kills at any moment."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from footage import write_pictures, write_video

GOOD, DAMAGED = 160, 40
SEEING = Path(__file__).with_name("seeing.py")


def cut(path):
    write_video(path)
    path.write_bytes(path.read_bytes()[:-400])


def silent_film(path):
    """Sound without pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def broken_picture(path):
    write_pictures(path, frames=4)
    (path / "images0002.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")


def other_sizes(path):
    write_pictures(path, frames=4)
    write_pictures(path, frames=1, name="images9.png", size=(8, 8))


DAMAGES = {
    "cut": (".mp4", cut, "is cut short or no video", {}),
    "empty": (".mp4", lambda path: path.write_bytes(b""), "is cut short or no video", {}),
    "words": (".mp4", lambda path: path.write_text("not a video"), "is cut short or no video", {}),
    "sound": (".mp4", silent_film, "holds no video", {}),
    "gone": (".mp4", lambda path: None, "the text has no clip", {}),
    "untold": (".mp4", write_video, "the clip has no text", {"text": ""}),
    "single": (".mp4", lambda path: write_video(path, frames=1), "the clip has 1 frames", {}),
    "late": (".mp4", write_video, "ends before 7 s", {"start": "7"}),
    "picture": ("", broken_picture, "is damaged or no picture", {}),
    "sizes": ("", other_sizes, "pictures of different sizes", {}),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("reality") / "corpus", []
    folder.mkdir()
    for number in range(GOOD):
        write_video(folder / f"good{number:03}.mp4", frames=3 + number % 4)
        rows.append({"path": f"good{number:03}.mp4", "text": f"sentence {number}", "split": "train"})
    for number in range(DAMAGED):
        kind = sorted(DAMAGES)[number % 10]
        ending, spoil, _, told = DAMAGES[kind]
        name = f"{kind}{number:02}{ending}"
        spoil(folder / name)
        rows.append({"path": name, "text": f"damaged {number}", "split": "train", **told})
    random.Random(0).shuffle(rows)
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def command(corpus, out):
    words = ["preprocess", corpus, out, "--dataset", "folder", "--plugin", SEEING]
    words += "--estimator seeing --condition pose --size 24x24 --fps 12 --preset tiny".split()
    return [str(word) for word in [sys.executable, "-m", "signvip_cli", *words]]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


@pytest.mark.slow
def test_a_fifth_of_a_corpus_is_damaged_in_ten_ways(corpus, tmp_path):
    out = tmp_path / "shards"
    done = subprocess.run(command(corpus, out), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
    assert len(rows) == DAMAGED
    for row in rows:
        assert DAMAGES[re.match("[a-z]+", row["id"])[0]][2] in row["reason"], row
    counts = json.loads((out / "manifest.json").read_text())["splits"]["train"]
    assert (counts["clips_in"], counts["clips_out"], counts["failed"]) == (200, GOOD, DAMAGED)
    assert f"clips    {GOOD} of 200" in done.stderr and "4: the clip has no text" in done.stderr


@pytest.mark.slow
def test_ten_kills_at_random_moments_change_nothing(corpus, tmp_path):
    begin, labels = time.monotonic(), corpus / "labels.jsonl"
    rows = labels.read_text().splitlines(keepends=True)
    subprocess.run(command(corpus, tmp_path / "whole"), check=True, capture_output=True)
    took, moments, killed = time.monotonic() - begin, random.Random(1), 0
    while killed < 10:
        labels.write_text(
            "".join(moments.sample(rows, len(rows) - 20 * (killed % 2)))
        )  # clips move and leave, too
        child = subprocess.Popen(
            command(corpus, tmp_path / "killed"), stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(moments.uniform(0.1, 1) * took)
        if child.poll() is not None:
            assert child.returncode == 0
            (tmp_path / "killed" / "train-000002.tar").unlink(missing_ok=True)  # it was done: give it work
            continue
        child.send_signal(signal.SIGKILL)
        child.wait()
        killed += 1
    labels.write_text("".join(rows))
    subprocess.run(command(corpus, tmp_path / "killed"), check=True, capture_output=True)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    for name in ("failed.jsonl", "sources.jsonl", "manifest.json", "preview-train.png"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not [path for path in Path(tmp_path / "killed").iterdir() if path.name.startswith(".")]


def test_a_corpus_of_which_nothing_can_be_used_is_an_error(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"")
    (folder / "a.txt").write_text("text")
    done = subprocess.run(command(folder, tmp_path / "out"), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: All 1 clips failed, the first because")
