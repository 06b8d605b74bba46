"""Batches come from workers whatever shared memory a machine has, and whoever is stopped is told."""

from __future__ import annotations

import os

import pytest
import torch

from signvip.data.executors import Processes
from signvip.errors import RunError
from signvip.training import feeding


class Numbers(torch.utils.data.Dataset):
    def __init__(self, fatal=None):
        self.fatal = fatal

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError
        if index == self.fatal:
            os._exit(1)
        return {
            "frames": torch.full((200, 200, 3), index, dtype=torch.uint8),
            "texts": ["a"] * index,
            "step": index,
        }


def all_of(batches):
    return [
        (int(batch["frames"].sum()), batch["frames"].dtype, batch["texts"], batch["step"])
        for batch in batches
    ]


@pytest.mark.parametrize("free", [None, 0, 65536, 2**40])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_whatever_is_shared(monkeypatch, free, workers):
    monkeypatch.setattr(feeding, "_free", lambda: free)
    shared = []
    monkeypatch.setattr(torch.Tensor, "share_memory_", lambda *_: shared.append(True))
    wanted = [(index * 120000, torch.uint8, ["a"] * index, index) for index in range(4)]
    torch.manual_seed(0)
    assert all_of(feeding.feed(Numbers(), workers, "cpu")) == wanted
    after = torch.rand(1)
    torch.manual_seed(0)
    all_of(feeding.feed(Numbers(), 0, "cpu"))
    assert torch.equal(torch.rand(1), after)  # as many random numbers are drawn


def test_little_shared_memory_is_left_alone(monkeypatch):
    made = []
    plain = feeding._Plain
    monkeypatch.setattr(feeding, "_Plain", lambda data: made.append(True) or plain(data))
    for free in (2**26, 2**40):
        monkeypatch.setattr(feeding, "_free", lambda free=free: free)
        all_of(feeding.feed(Numbers(), 1, "cpu"))
    assert made == [True]


def no_locks(monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("multiprocessing.Lock", refuse)


def test_without_locks_nothing_is_started(monkeypatch):
    no_locks(monkeypatch)
    assert len(all_of(feeding.feed(Numbers(), 2, "cpu"))) == 4


def test_clips_are_made_here_where_no_lock_can_be_shared(monkeypatch):
    no_locks(monkeypatch)

    assert list(Processes(2, 10.0)(lambda clip_id: (clip_id, os.getpid()), [("a",)])) == [("a", os.getpid())]


@pytest.mark.parametrize("free", [0, 2**40])
def test_a_worker_that_dies_is_told(monkeypatch, free):
    monkeypatch.setattr(feeding, "_free", lambda: free)
    with pytest.raises(RunError, match=r"was stopped .*; train again with fewer workers"):
        all_of(feeding.feed(Numbers(fatal=2), 1, "cpu"))
