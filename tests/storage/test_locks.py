"""Who has a folder keeps others out and is named; a lock outlives nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from signvip.errors import RunError
from signvip.storage.locks import locked

HOLD = """
import sys
from pathlib import Path
from signvip.storage.locks import locked
with locked(Path(sys.argv[1]), sys.argv[2], share=sys.argv[3]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder, use="write", share=""):
    """Another process that has the folder."""
    command = [sys.executable, "-c", HOLD, folder, use, share]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"locked\n"
    try:
        yield child
    finally:
        child.communicate()


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("theirs", "ours"), [("write", "write"), ("write", "read"), ("read", "write")])
def test_the_second_is_refused_by_name_of_the_first(tmp_path, theirs, ours):
    with holder(tmp_path, theirs) as child, pytest.raises(RunError) as refusal, locked(tmp_path, ours):
        pass
    words = str(refusal.value)
    assert f"process {child.pid} on {os.uname().nodename}" in words and "since 20" in words
    assert f"-c {tmp_path} {theirs}" in words
    with locked(tmp_path, ours):  # it is gone
        assert len(left(tmp_path)) == 1
    assert not left(tmp_path)


def test_readers_are_together_and_shares_of_the_writing_too(tmp_path):
    with holder(tmp_path, "read"), locked(tmp_path, "read"):
        pass
    with holder(tmp_path, "write", "1-of-2"), locked(tmp_path, share="2-of-2"):
        pass
    with holder(tmp_path, "write", "1-of-2"), pytest.raises(RunError), locked(tmp_path, share="1-of-2"):
        pass
    with holder(tmp_path, "write", "1-of-2"), pytest.raises(RunError), locked(tmp_path):
        pass
    assert not left(tmp_path)


@pytest.mark.parametrize(("theirs", "ours"), [("write", "write"), ("read", "read"), ("read", "write")])
def test_the_lock_of_a_dead_process_is_broken_with_a_word(tmp_path, theirs, ours):
    with holder(tmp_path, theirs) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert len(left(tmp_path)) == 1
    said = []
    with locked(tmp_path, ours, say=said.append):
        assert len(left(tmp_path)) == 1
    assert not left(tmp_path)
    assert len(said) == 1 and f"process {child.pid}" in said[0] and "gone" in said[0]


@pytest.mark.parametrize(("first", "second"), [("write", "write"), ("write", "read"), ("read", "write")])
def test_a_process_may_be_in_its_own_way(tmp_path, first, second):
    with locked(tmp_path, first), pytest.raises(RunError, match="with --out"):
        with locked(tmp_path, second, option="--out"):
            pass
    with locked(tmp_path, "read"), locked(tmp_path, "read"):
        assert len(left(tmp_path)) == 1
    assert not left(tmp_path)


def test_children_keep_no_lock_and_take_none_away(tmp_path):
    with locked(tmp_path):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        assert left(tmp_path)
    try:
        with holder(tmp_path):
            pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_folder_that_is_missing_or_not_ours_is_read_without_a_lock(tmp_path):
    with locked(tmp_path / "none", "read"):
        assert not (tmp_path / "none").exists()


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new"):
        1 / 0  # noqa: B018
    assert not (tmp_path / "new").exists()  # nothing was written to it
