"""Time alignment and the wrist probe, on paths that are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from signvip.data.trajectories import align
from signvip_lab.evaluation.wrists import fit_wrist_probe


def path(frames, speed=1.0):
    t = np.arange(frames)[:, None] * speed / 10
    return np.stack(
        [np.stack([0.5 + 0.3 * np.sin(t + k), 0.5 + 0.3 * np.cos(t)], -1)[:, 0] for k in (0, 1)], axis=1
    )


def test_alignment_runs_from_first_to_last_and_never_back():
    steps = align(path(20), path(31))
    assert steps[0] == (0, 0) and steps[-1] == (19, 30)
    assert all(b[0] - a[0] in (0, 1) and b[1] - a[1] in (0, 1) for a, b in pairwise(steps))


def test_the_probe_reads_positions_that_the_embeddings_hold():
    random = np.random.default_rng(0)
    positions = random.uniform(0, 1, (400, 2, 2))
    mixing = random.normal(size=(4, 3 * 4 * 4))
    e = (positions.reshape(400, 4) @ mixing).reshape(400, 3, 4, 4) + random.normal(0, 0.01, (400, 3, 4, 4))
    probe = fit_wrist_probe((e[:300], positions[:300]), (e[300:], positions[300:]))
    assert np.abs(probe(e[300:]) - positions[300:]).mean() < 0.02
