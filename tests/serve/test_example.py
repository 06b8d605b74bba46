"""The video that a server begins with, which the page shows until somebody asks for another."""

from __future__ import annotations

from serve_helpers import until

from signvip.data.video import read_video


def test_the_first_video_stays_and_is_a_file_like_any_other(serving):
    with serving(example=True, remembered=1) as served:
        until(lambda: told(served)["state"] == "done")
        assert served.client.get("/v1/health").json()["status"] == "ok"
        facts = told(served)["facts"]
        assert facts["text"] and not facts["warnings"]
        for _ in range(3):
            served.client.post("/v1/generate", data={"text": "rain"})
        frames, _ = read_video(served.client.get("/v1/jobs/example/video").content)
        assert len(frames) == facts["frames"]
        assert served.client.post("/v1/check", data={"text": "rain"}).json()["seconds"] > 0


def test_who_asks_for_a_video_does_not_wait_for_the_example(serving):
    with serving(example=True, words=True) as served:
        assert served.client.get("/v1/health").json()["status"] == "warming"
        assert served.client.post("/v1/generate", data={"text": "four five"}).content == b"fourfive"
        assert served.studio.left == ["example"]
        until(lambda: told(served)["state"] == "making")  # again, since nobody waits now


def told(served):
    return served.client.get("/v1/jobs/example").json()
