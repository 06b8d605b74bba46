"""What the processes of a test run share: made once, seen when it changes; and how many of them there are."""

from __future__ import annotations

import os

import pytest
import torch
from workers import AT_MOST, ONE_THREAD, count_workers, make_once, signature


@pytest.mark.parametrize(
    ("cores", "quota", "workers"),
    [
        (2, None, 2),
        (64, None, AT_MOST),
        (4, "max 100000", 4),
        (64, "200000 100000", 2),
        (64, "50000 100000", 1),
    ],
)
def test_there_are_as_many_processes_as_cores_that_may_be_used(tmp_path, cores, quota, workers):
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert count_workers(cores, tmp_path / "cpu.max") == workers


def test_what_is_shared_is_made_once_and_again_where_it_was_left_half_made(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        folder.mkdir()  # an error where something is left
        if len(made) == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_once(tmp_path / "shared", make)
    for _ in range(2):
        assert make_once(tmp_path / "shared", make).is_dir()
    assert len(made) == 2


def test_a_file_written_again_is_seen(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("same")
    before = signature(tmp_path)
    assert signature(tmp_path) == before
    os.utime(tmp_path / "a" / "file", ns=(1, 1))
    assert signature(tmp_path) != before


def test_tests_and_what_they_start_have_one_thread():
    assert torch.get_num_threads() == 1
    assert {name: os.environ.get(name) for name in ONE_THREAD} == ONE_THREAD
