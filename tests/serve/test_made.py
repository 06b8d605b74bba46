"""What can be told of a video before it is made, while it is, and after: warnings, facts and files."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from serve_helpers import until

GENERATE = "/v1/generate"


TEXT = "Rain, snow. " * 10


@pytest.fixture(scope="module")
def made(serving, picture):
    """A video of a long text for an emergency, and the answers of all routes to it."""
    with serving() as served:
        form = {"text": TEXT, "where": "emergency", "consent": "Anna agrees.", "job": "job-made"}
        files = {"reference": ("a.png", picture)}
        got = served.client.post(GENERATE, data=form, files=files)
        assert got.status_code == 200, got.text
        paths = ("", "/video", "/json", "/poses", "/pose")
        answers = {path: served.client.get(f"/v1/jobs/job-made{path}") for path in paths}
        assert {answer.status_code for answer in answers.values()} == {200}, answers["/pose"].text
        yield got, answers, served.studio


def test_the_file_shows_what_was_sent_and_says_where_it_comes_from(made, tmp_path):
    from signvip.data.video import read_video
    from signvip.origin.manifest import can_sign
    from signvip.origin.verification import verify

    got, answers, _ = made
    (tmp_path / "signing.mp4").write_bytes(answers["/video"].content)
    (tmp_path / "signing.json").write_bytes(answers["/json"].content)
    found = verify(tmp_path / "signing.mp4")
    assert found.mark.holds and found.sidecar.holds and found.notice.holds
    assert found.manifest.found is can_sign()
    if can_sign():
        assert found.manifest.holds and found.manifest.facts["where"] == "emergency"
        assert found.manifest.facts["consent"]["file"] == "text"
    sent, file = read_video(got.content)[0], read_video(answers["/video"].content)[0]
    assert len(sent) == len(file) and np.abs(sent.astype(float) - file).mean() < 4
    says = answers[""].json()["facts"]["origin"]["says"]
    assert any("mark in the pixels: holds" in line for line in says) and len(says) == 5
    assert says[0] == "signing.mp4 says that a model generated it:"


def test_facts_and_sidecar_agree_and_say_who_and_where(made):
    _, answers, studio = made
    told, sidecar = answers[""].json(), answers["/json"].json()
    facts = told["facts"]
    assert (told["state"], told["place"], told["error"]) == ("done", 0, None)
    assert facts["frames"] == facts["made"] == len(answers["/poses"].json()["points"])
    assert facts["fps"] == studio.pipe.config.fps
    consent = {"file": "text", "sha256": hashlib.sha256(b"Anna agrees.").hexdigest()}
    assert sidecar["consent"] == sidecar["origin"]["consent"] == consent
    assert sidecar["where"] == "emergency"
    assert {**facts, "origin": 0, "made": 0} == {**sidecar, "origin": 0, "made": 0}


def test_a_long_text_is_signed_in_passages_each_as_if_alone_with_a_rest_between(made):
    _, answers, _ = made
    facts = answers[""].json()["facts"]
    passages, rest = facts["passages"], round(0.5 * facts["fps"])
    assert len(passages) > 1 and " ".join(one["text"] for one in passages) == TEXT.strip()
    for one, following in pairwise(passages):
        assert following["start"] == one["start"] + one["frames"] + rest
    assert facts["frames"] == passages[-1]["start"] + passages[-1]["frames"]
    assert f"signed in {len(passages)} passages" in " ".join(facts["warnings"])


def test_timing_follows_the_text_and_says_that_it_is_estimated(made):
    facts = made[1][""].json()["facts"]
    timing = facts["timing"]
    assert [one["text"] for one in timing] == TEXT.split()
    assert all(one["estimated"] and one["start"] < one["end"] for one in timing)
    assert all(one["end"] <= after["start"] for one, after in pairwise(timing))
    assert timing[-1]["end"] == pytest.approx(facts["frames"] / facts["fps"], abs=0.01)


def test_poses_are_those_of_the_pipeline_in_json_and_as_a_file(made):
    from pose_format import Pose

    _, answers, studio = made
    poses = answers["/poses"].json()
    assert len(poses["names"]) == 128 and max(max(limb) for limb in poses["limbs"]) < 128
    assert poses["size"] == {"width": 32, "height": 32}
    first = answers[""].json()["facts"]["passages"][0]
    tokens = studio.pipe.translate([first["text"]])[0]
    expected = studio.pipe.read_poses(studio.pipe.embed(tokens)).numpy()
    assert np.allclose(np.array(poses["points"])[: len(expected)], expected, atol=0.006)
    file = Pose.read(answers["/pose"].content)
    assert len(file.body.data) == len(poses["points"]) and file.body.fps == poses["fps"]


def test_what_is_known_is_told_before_anything_is_made(serving, studio):
    with serving() as served:
        told = served.client.post("/v1/check", data={"text": "rain xylophone", "where": "live"}).json()
        assert "'xylophone'" in told["warnings"][0] and "interpreter" in told["warnings"][-1]
        assert told["frames"] == len(studio.pipe.translate(["rain xylophone"])[0]) and told["seconds"] is None
        known = {"text": studio.seen.example("qaa"), "where": "recorded"}
        assert served.client.post("/v1/check", data=known).json()["warnings"] == []
        refused = served.client.post("/v1/check", data={"text": "rain", "language": "ase"})
        assert refused.status_code == 422 and "'ase' is not known" in refused.json()["detail"]
        served.client.post(GENERATE, data={"text": "rain"})
        assert served.client.post("/v1/check", data={"text": "rain"}).json()["seconds"] > 0


def test_a_sidecar_says_where_nobody_was_asked(serving, picture):
    with serving() as served:
        for files, consent in (
            (None, "not needed: the picture ships with the model"),
            ({"reference": ("a.png", picture)}, "not stated"),
        ):
            got = served.client.post(GENERATE, data={"text": "rain"}, files=files)
            told = served.client.get(f"/v1/jobs/{got.headers['signvip-job']}/json").json()
            assert (told["consent"], told["where"]) == (consent, "not stated")


def test_a_record_of_consent_may_be_a_file(serving):
    with serving() as served:
        got = served.client.post(GENERATE, data={"text": "rain"}, files={"consent": ("anna.md", b"I agree.")})
        told = served.client.get(f"/v1/jobs/{got.headers['signvip-job']}/json").json()
    assert told["consent"] == {"file": "anna.md", "sha256": hashlib.sha256(b"I agree.").hexdigest()}


def test_a_run_without_a_pose_head_says_so(serving, studio, monkeypatch):
    monkeypatch.setattr(studio.pipe, "pose_head", None)
    with serving() as served:
        got = served.client.post(GENERATE, data={"text": "rain", "job": "job-rain"})
        assert got.status_code == 200
        for path in ("poses", "pose"):
            answer = served.client.get(f"/v1/jobs/job-rain/{path}")
            assert answer.status_code == 404 and "no pose head" in answer.json()["detail"]


def test_files_of_what_is_not_made_are_refused_in_a_sentence(serving):
    with serving(words=True) as served:
        served.studio.go.clear()
        with served.client.stream("POST", GENERATE, data={"text": "one two", "job": "job-half"}) as got:
            pieces = got.iter_raw()  # kept: the connection is closed with it
            assert next(pieces) == b"one"
            for path in ("video", "json"):
                answer = served.client.get(f"/v1/jobs/job-half/{path}")
                assert answer.status_code == 409 and "ask again" in answer.json()["detail"]
        until(lambda: served.client.get("/v1/jobs/job-half").json()["state"] == "cancelled")
        assert served.client.get("/v1/jobs/job-half/video").status_code == 404
        assert served.client.get("/v1/jobs/job-none/video").status_code == 404


def test_the_oldest_files_are_forgotten_by_number_and_by_size(serving):
    def ask(served, *names):
        for name in names:
            assert served.client.post(GENERATE, data={"text": name, "job": f"job-{name}"}).status_code == 200

    def kept(served, names):
        codes = {name: served.client.get(f"/v1/jobs/job-{name}").status_code for name in names}
        return [name for name, code in codes.items() if code == 200]

    for limits in ({"remembered": 2}, {"kept_bytes": 10}):
        with serving(words=True, **limits) as served:
            ask(served, "one1", "two2", "six6")
            until(lambda: len(kept(served, ("one1", "two2", "six6"))) == 2)
            assert kept(served, ("one1", "two2", "six6")) == ["two2", "six6"]
            folders = served.studio.folders
            assert [folder.is_dir() for folder in folders] == [False, True, True]
        assert not any(folder.is_dir() for folder in folders)  # with the server
