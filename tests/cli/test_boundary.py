"""How errors read: whatever the engine raises passes the boundary."""

from __future__ import annotations

import errno
import logging

import pytest

from signvip import stages
from signvip.errors import DataError

TRAIN = ("train", "--stage", "1")


@pytest.fixture
def failing(monkeypatch, signvip):
    """Run `signvip train --stage 1` with an engine that raises."""

    def run(error, *words):
        def train(*args, **kwargs):
            raise error

        monkeypatch.setattr(stages, "train", train)
        return signvip(*TRAIN, *words)

    return run


def test_a_users_mistake_is_one_sentence_and_exit_code_1(failing):
    result = failing(DataError("There are no shards in [data]; run: signvip preprocess"))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: There are no shards in [data]; run: signvip preprocess\n"


def test_verbose_shows_where_a_mistake_was_found(failing):
    result = failing(DataError("no"), "-v")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: no\n")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "runs/default/vae"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_a_sentence(failing, error):
    result = failing(error)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the disk is full")
    assert "free some space" in result.stderr


def test_a_path_that_cannot_be_is_a_sentence(failing):
    for error in (
        FileNotFoundError(errno.ENOENT, "No such file", "a/b"),
        OSError(errno.ENAMETOOLONG, "Too long", "a/b"),
    ):
        result = failing(error)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: a/b cannot be read or written (")


def test_a_folder_that_may_not_be_written_is_a_sentence(failing):
    result = failing(PermissionError(errno.EACCES, "Permission denied", "/root/run"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: permission denied: /root/run; ")


def test_ctrl_c_is_a_sentence(failing):
    result = failing(KeyboardInterrupt())
    assert result.exit_code == 130
    assert result.stderr.startswith("error: interrupted;")


def test_a_defect_keeps_its_traceback(failing):
    result = failing(ZeroDivisionError("a defect"))
    assert isinstance(result.exception, ZeroDivisionError)
    assert "error:" not in result.stderr


@pytest.mark.parametrize("words", [("-v", *TRAIN), (*TRAIN, "-v"), TRAIN])
def test_verbosity_before_or_after_the_command(monkeypatch, signvip, words):
    def train(*args, **kwargs):
        logging.getLogger("a.library").info("is told")
        logging.getLogger("a.library").warning("is always told")
        return kwargs["run"]

    monkeypatch.setattr(stages, "train", train)
    told = ["info: is told"] if "-v" in words else []
    assert signvip(*words).stderr.splitlines() == [*told, "warning: is always told"]
