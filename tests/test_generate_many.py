"""Many videos: what is there is left alone, what fails is listed, and workers make what one process makes."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import signvip.generate_many as engine
from signvip.data.executors import Here, Processes
from signvip.errors import DataError, RunError, UnseenWarning
from signvip.generate import GenerateOptions, Request
from signvip.generate_many import generate_many
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.writing import GeneratedVideo
from signvip_cli.app import app

PLAIN = OriginOptions(manifest=False)


class Maker:
    """In the place of a pipeline: a video of one grey for each text; some are doubted, fail, or kill their process."""

    def __init__(self, made_by, log):
        self.made_by, self._log = made_by, log
        self.pipe = SimpleNamespace(require_pose_head=lambda: None)

    def doubts(self, requests):
        return [("It is odd.",) if "odd" in one.text else () for one in requests]

    def make(self, request, doubts, **told):
        with self._log.open("a") as log:
            log.write(f"{request.text}\n")
        if request.text == "bad":
            raise DataError("the text is bad")
        if request.text == "killer" or (request.text == "unlucky" and self._tries("unlucky") == 1):
            os._exit(9)
        with GeneratedVideo(request.output, 12.0, Origin(request.text), PLAIN) as video:
            video.write(np.full((3, 16, 16, 3), len(request.text) * 9, np.uint8))
        about = {"generated": True, "origin": video.told, "warnings": list(doubts), **told}
        request.output.with_suffix(".json").write_text(json.dumps(about))

    def _tries(self, text):
        return self._log.read_text().split().count(text)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A call for some texts into `out`, and the texts that a maker was asked for since."""
    Image.new("RGB", (8, 8)).save(tmp_path / "ref.png")
    log = tmp_path / "log"

    def ask(*texts, **options):
        log.write_text("")
        folder = tmp_path / options.pop("out", "out")
        requests = [Request(text, tmp_path / "ref.png", folder / f"{n}.mp4") for n, text in enumerate(texts)]
        made = generate_many(requests, folder, run="embedded", **{"origin": PLAIN, **options})
        return made, log.read_text().split()

    monkeypatch.setattr(engine, "load_maker", lambda source, options, origin: Maker(made_by, log))
    made_by = {"run": "embedded", "weights": "w"}
    monkeypatch.setattr(engine, "made_by", lambda run: made_by)
    return ask


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_started_again_it_makes_what_is_missing_or_was_changed(asked, tmp_path):
    made, texts = asked("a", "bb", "ccc")
    assert (texts, made.kept, len(made.there)) == (["a", "bb", "ccc"], 0, 3)
    whole = contents(tmp_path / "out")
    made, texts = asked("a", "bb", "ccc")
    assert (texts, made.kept) == ([], 3)
    (tmp_path / "out" / "0.mp4").unlink()
    (tmp_path / "out" / "1.json").unlink()
    (tmp_path / "out" / "2.mp4").write_bytes(whole["1.mp4"])  # a video of another text
    assert asked("a", "bb", "ccc")[1] == ["a", "bb", "ccc"]
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize(
    "options",
    [
        {"options": GenerateOptions(seed=1)},
        {"options": GenerateOptions(language="ase")},
        {"origin": OriginOptions(manifest=False, label=True)},
    ],
    ids=["seed", "language", "label"],
)
def test_what_was_made_with_other_options_is_made_again(asked, options):
    asked("a")
    assert asked("a", **options)[1] == ["a"]


def test_a_text_that_changed_is_made_again(asked):
    asked("a", "b")
    assert asked("a", "c")[1] == ["c"]


def test_what_fails_is_listed_and_stops_nothing(asked, tmp_path):
    made, _ = asked("a", "bad", "c")
    assert [path.name for path in made.there] == ["0.mp4", "2.mp4"]
    assert dict(made.failed) == {tmp_path / "out" / "1.mp4": "the text is bad"}
    row = json.loads((tmp_path / "out" / "failed.jsonl").read_text())
    assert (row["output"], row["text"], row["reason"]) == ("1.mp4", "bad", "the text is bad")
    made, texts = asked("a", "bad", "c")
    assert (texts, len(made.failed)) == ([], 1)
    assert asked("a", "bad", "c", retry_failed=True)[1] == ["bad"]
    assert asked("a", "good", "c")[1] == ["good"]
    assert not (tmp_path / "out" / "failed.jsonl").exists()


def test_where_all_fail_it_is_an_error(asked):
    with pytest.raises(
        DataError, match=r"All 2 videos failed, the first because the text is bad; see .*jsonl"
    ):
        asked("bad", "bad")


def test_doubts_are_told_by_name_and_strict_lists_them(asked):
    with pytest.warns(UnseenWarning, match=r"1\.mp4: It is odd\."):
        asked("a", "odd")
    made, _ = asked("a", "odd", strict=True, out="strict")
    assert "leave out --strict" in next(iter(made.failed.values()))


def test_workers_make_what_one_process_makes(asked, tmp_path):
    texts = [f"{number:03d}" for number in range(7)]
    asked(*texts, executor=Here())
    made, tried = asked(*texts, executor=Processes(2, None), out="workers")
    assert sorted(tried) == texts and len(made.there) == 7
    assert contents(tmp_path / "workers") == contents(tmp_path / "out")


def test_a_text_whose_worker_is_killed_is_made_again_and_one_that_kills_it_is_listed(asked):
    made, tried = asked("a", "unlucky", "killer", "b", executor=Processes(2, None))
    assert [path.name for path in made.there] == ["0.mp4", "1.mp4", "3.mp4"]
    assert [why for why in made.failed.values() if "worker was killed twice" in why]
    assert (tried.count("unlucky"), tried.count("killer")) == (2, 2)


def test_what_is_wrong_with_the_run_stops_everything(asked, monkeypatch):
    def load(*_):
        raise RunError("The run is broken.")

    monkeypatch.setattr(engine, "load_maker", load)
    with pytest.raises(RunError, match="broken"):
        asked("a", "b", executor=Processes(2, None))


def test_a_worker_with_another_run_is_told(asked, monkeypatch):
    monkeypatch.setattr(engine, "made_by", lambda run: {"run": "embedded", "weights": "others"})
    with pytest.raises(RunError, match="copy the same one"):
        asked("a")


def test_the_command_resumes_and_says_what_failed(asked, tmp_path):
    (tmp_path / "rows.txt").write_text("a\nbad\n")
    command = ("generate", "--from", tmp_path / "rows.txt", tmp_path / "ref.png", "-o", tmp_path / "out")
    result = CliRunner().invoke(app, [*map(str, command), "--json", "--no-manifest", "--run", "embedded"])
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told[0]["video"].endswith("0001.mp4") and told[1]["failed"] == "the text is bad"
    assert "1 of 2 videos failed" in result.stderr


def test_workers_are_for_many_videos():
    for words in (["--executor", "ray"], ["--workers", "2"], ["--retry-failed"]):
        assert CliRunner().invoke(app, ["generate", "rain", "ref.png", *words]).exit_code == 2
