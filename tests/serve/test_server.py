"""The command `signvip serve` as a process: how it starts, ends, and says what is wrong."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from serve_helpers import until
from workers import PATIENCE

httpx = pytest.importorskip("httpx")

# a background job starts deaf to SIGINT
MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from signvip_cli.app import main
main()
"""


@contextmanager
def command(*words, **environment):
    """Run `signvip serve` with its output as it comes, and end it at last."""
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN, "serve", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(child.stderr.readline, "")))
    reader.start()
    try:
        yield child, lines
    finally:
        child.kill()
        child.wait()
        reader.join()


@pytest.fixture(scope="module")
def ended(installed, trained, tmp_path_factory):
    """A server that was interrupted while it made a video for one client and another waited, and what they saw."""
    folder = tmp_path_factory.mktemp("files")
    with command("--run", str(trained.run), "--port", "0", TMPDIR=str(folder)) as (child, lines):

        def address():
            found = [re.search(r"http://[\d.:]+", line) for line in lines]
            return next((one[0] for one in found if one), None)

        def ask(name, text, **form):
            try:
                answers[name] = httpx.post(
                    f"{base}/v1/generate", data={"text": text, **form}, timeout=PATIENCE
                )
            except httpx.HTTPError as error:
                answers[name] = error

        def begin(name, text, **form):
            threads.append(threading.Thread(target=ask, args=(name, text), kwargs=form))
            threads[-1].start()

        until(lambda: address() or child.poll() is not None, PATIENCE)
        base, answers, threads = address(), {}, []
        until(lambda: httpx.get(f"{base}/v1/health").json()["status"] == "ok", PATIENCE)
        begin("made", "rain snow " * 40, steps="100", job="job-long")
        until(lambda: httpx.get(f"{base}/v1/jobs/job-long").json().get("state") == "making", PATIENCE)
        begin("waits", "snow")
        until(lambda: httpx.get(f"{base}/v1/health").json()["waiting"] == 1, PATIENCE)
        kept = list(folder.glob("signvip-serve-*"))
        begun = time.monotonic()
        child.send_signal(signal.SIGINT)
        code = child.wait(PATIENCE)
        took = time.monotonic() - begun
        for thread in threads:
            thread.join(PATIENCE)
    return SimpleNamespace(code=code, took=took, told="".join(lines), answers=answers, kept=kept)


def test_ctrl_c_ends_it_at_once_and_cleanly(ended):
    assert ended.code == 0 and "Traceback" not in ended.told and "ERROR" not in ended.told, ended.told
    assert ended.took < PATIENCE / 4  # the video takes minutes
    assert len(ended.kept) == 1 and not ended.kept[0].exists()


def test_nobody_takes_half_a_video_for_a_whole_one(ended):
    broken = httpx.RemoteProtocolError
    for answer in ended.answers.values():
        assert isinstance(answer, broken) or answer.status_code == 409


def refusal(monkeypatch, capsys, *words):
    """Return the sentence that the command ends with, and with 1."""
    from signvip_cli.app import main

    monkeypatch.setattr(sys, "argv", ["signvip", "serve", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    told = capsys.readouterr().err
    assert told.count("error: ") == 1 and "Traceback" not in told
    return " ".join(told.partition("error: ")[2].split())  # that nothing is signed may be told before


def test_a_port_in_use_is_said_before_anything_is_loaded(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = refusal(monkeypatch, capsys, "--run", "nowhere", "--port", port)
    assert f"Port {port} is in use" in told and "--port" in told


def test_an_address_of_another_machine_is_refused(monkeypatch, capsys):
    told = refusal(monkeypatch, capsys, "--host", "203.0.113.7", "--port", "0")
    assert "'203.0.113.7' is not an address of this machine" in told and "--host" in told


def test_a_run_that_is_not_there_is_refused(installed, monkeypatch, capsys):
    assert "nowhere" in refusal(monkeypatch, capsys, "--run", "nowhere", "--port", "0")


def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for name in [name for name in sys.modules if name.startswith("signvip_serve")]:
        monkeypatch.delitem(sys.modules, name)
    told = refusal(monkeypatch, capsys, "--port", "0")
    assert "pip install 'signvip[serve]'" in told and "fastapi" in told
