"""Many at once, clients that leave, and a server that is full: over real HTTP."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest
from serve_helpers import until

httpx = pytest.importorskip("httpx")

GENERATE = "/v1/generate"


def ask(served, text, **form):
    """Ask in a thread; `.result` is the answer, or the error."""

    def run():
        with httpx.Client(base_url=served.client.base_url, timeout=60) as client:
            try:
                thread.result = client.post(GENERATE, data={"text": text, **form})
            except httpx.HTTPError as error:
                thread.result = error

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_of_fifty_at_once_none_is_lost_and_none_mixed_up(serving):
    texts = [" ".join(f"{number}-{place};" for place in range(20)) for number in range(50)]

    async def all_of(base):
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(client.post(GENERATE, data={"text": text}) for text in texts))

    with serving(words=True) as served:
        answers = asyncio.run(all_of(str(served.client.base_url)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert [answer.text for answer in answers] == [text.replace(" ", "") for text in texts]


def test_a_piece_arrives_before_the_next_is_made(serving):
    with serving(words=True) as served:
        served.studio.go.clear()
        with served.client.stream("POST", GENERATE, data={"text": "one two"}) as got:
            pieces = got.iter_raw()
            assert next(pieces) == b"one"
            served.studio.go.set()
            assert b"".join(pieces) == b"two"


def test_a_full_queue_is_429_and_a_place_is_told(serving):
    with serving(words=True, waiting=2) as served:
        served.studio.go.clear()
        first = ask(served, "first", job="job-first")
        until(lambda: served.studio.begun == ["first"])
        others = [ask(served, "second", job="job-second")]
        until(lambda: served.client.get("/v1/health").json()["waiting"] == 1)
        others.append(ask(served, "third", job="job-third"))
        until(lambda: served.client.get("/v1/health").json()["waiting"] == 2)
        places = {name: served.client.get(f"/v1/jobs/job-{name}").json() for name in ("first", "third")}
        full = served.client.post(GENERATE, data={"text": "fourth"})
        again = served.client.post(GENERATE, data={"text": "fourth", "job": "job-first"})
        served.studio.go.set()
        for thread in (first, *others):
            thread.join()
        assert full.status_code == 429 and "ask again" in full.json()["detail"]
        assert again.status_code in (409, 429)
        assert (places["first"]["state"], places["first"]["place"]) == ("making", 0)
        assert (places["third"]["state"], places["third"]["place"]) == ("waiting", 2)
        assert [thread.result.text for thread in (first, *others)] == ["first", "second", "third"]
        assert served.studio.begun == ["first", "second", "third"]


def test_a_client_that_leaves_while_its_video_is_made_stops_it(serving):
    with serving(words=True) as served:
        served.studio.go.clear()
        with served.client.stream("POST", GENERATE, data={"text": "one two", "job": "job-gone"}) as got:
            assert next(got.iter_raw()) == b"one"
        until(lambda: served.studio.left == ["one two"])
        until(lambda: served.client.get("/v1/jobs/job-gone").json()["state"] == "cancelled")


def test_a_client_that_leaves_the_queue_is_never_made(serving):
    with serving(words=True) as served:
        served.studio.go.clear()
        first = ask(served, "first")
        until(lambda: served.studio.begun == ["first"])
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{served.client.base_url}{GENERATE}", data={"text": "second"}, timeout=0.5)
        until(lambda: served.client.get("/v1/health").json()["waiting"] == 0)
        served.studio.go.set()
        first.join()
        assert served.client.post(GENERATE, data={"text": "third"}).text == "third"
        assert served.studio.begun == ["first", "third"]


def test_a_request_is_cancelled_by_its_name(serving):
    with serving(words=True) as served:
        served.studio.go.clear()
        first, second = ask(served, "first", job="job-first"), None
        until(lambda: served.studio.begun == ["first"])
        second = ask(served, "second", job="job-second")
        until(lambda: served.client.get("/v1/health").json()["waiting"] == 1)
        assert served.client.delete("/v1/jobs/job-second").json()["state"] == "cancelled"
        second.join()
        assert second.result.status_code == 409
        served.client.delete("/v1/jobs/job-first")
        until(lambda: served.studio.left == ["first"])
        first.join()
        assert isinstance(
            first.result, httpx.RemoteProtocolError
        )  # half a video is not taken for a whole one
        assert served.client.delete("/v1/jobs/job-none").status_code == 404


def test_a_client_that_reads_nothing_does_not_hold_up_the_others(installed):
    from signvip_serve.jobs import Jobs
    from signvip_serve.limits import Limits

    async def run():
        jobs = Jobs(Limits(ahead=2, stalled=0.2))
        endless = jobs.submit(lambda job: (b"x" for _ in itertools.count()))
        after = jobs.submit(lambda job: (piece for piece in [b"y"]))
        assert await asyncio.wait_for(after.next(), 10) == b"y"
        assert endless.state == "failed" and "Nobody read" in str(endless.error)
        await asyncio.to_thread(jobs.close)

    asyncio.run(run())


def test_a_video_that_takes_too_long_is_ended_with_a_sentence(serving):
    with serving(words=True, seconds=0.0) as served:
        got = served.client.post(GENERATE, data={"text": "one two"})
    assert got.status_code == 422 and "longer than 0 seconds" in got.json()["detail"]


def test_a_defect_ends_one_request_and_no_other(serving, monkeypatch):
    with serving(words=True) as served:

        def broken(ask, job):
            raise ZeroDivisionError

        monkeypatch.setattr(served.studio, "make", broken)
        assert served.client.post(GENERATE, data={"text": "one"}).status_code == 500
        monkeypatch.undo()
        assert served.client.post(GENERATE, data={"text": "two"}).text == "two"


def test_others_need_the_token(serving):
    with serving(words=True, token="secret", local=False) as served:
        assert served.client.get("/v1/health").status_code == 200
        wrong = served.client.get("/v1/languages", headers={"Authorization": "Bearer other"})
        assert wrong.status_code == 401 and "Authorization: Bearer" in wrong.json()["detail"]
        assert served.client.post(GENERATE, data={"text": "one"}).status_code == 401
        right = {"Authorization": "Bearer secret"}
        assert served.client.post(GENERATE, data={"text": "one"}, headers=right).text == "one"


def test_pages_of_others_and_other_names_for_this_machine_are_refused(serving):
    with serving(words=True) as served:
        for headers in ({"Origin": "https://example.org"}, {"Host": "example.org"}):
            got = served.client.post(GENERATE, data={"text": "one"}, headers=headers)
            assert got.status_code == 403 and served.studio.begun == []
        own = {"Origin": str(served.client.base_url).rstrip("/")}
        assert served.client.post(GENERATE, data={"text": "one"}, headers=own).status_code == 200


def test_those_past_the_queue_are_told_so_and_all_others_are_answered(serving):
    async def all_of(base, texts, go):
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
            asked = [asyncio.ensure_future(client.post(GENERATE, data={"text": text})) for text in texts]
            while sum(one.done() for one in asked) < 14:  # as many as are refused
                await asyncio.sleep(0.01)
            go.set()
            return await asyncio.gather(*asked)

    texts = [f"text{number}" for number in range(50)]
    with serving(words=True, waiting=35) as served:
        served.studio.go.clear()
        answers = asyncio.run(all_of(str(served.client.base_url), texts, served.studio.go))
    made = {text: answer for text, answer in zip(texts, answers, strict=True) if answer.status_code == 200}
    assert len(made) == 36 and all(answer.text == text for text, answer in made.items())
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(429, "10")}


def test_time_is_up_before_the_first_piece_too(serving, monkeypatch):
    def endless(ask, job):
        while not job.stopped():  # as between the steps of the first window
            job.facts["asked"] = True
        yield b""

    with serving(words=True, seconds=0.2) as served:
        monkeypatch.setattr(served.studio, "make", endless)
        got = served.client.post(GENERATE, data={"text": "one", "job": "job-endless"})
        assert got.status_code == 422 and "longer than 0.2 seconds" in got.json()["detail"]
        assert served.client.get("/v1/jobs/job-endless").json()["state"] == "failed"
