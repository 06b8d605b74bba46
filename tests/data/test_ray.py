"""The same shards by a Ray cluster: in an environment of its own, `nox -s ray`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import pytest

import signvip
from signvip.data.executors import Here, Ray
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.errors import PluginError

ABSENT = True
try:
    import ray
except ImportError:
    pass
else:
    ABSENT = False


def recipe():
    reader = signvip.build("dataset", "toysign", size=(32, 32), train=5, dev=2, test=0)
    return Recipe(reader, {"pose": signvip.build("condition", "pose")}, (32, 32), 12.0)


class Troubled:
    """One clip hangs, one kills its worker."""

    def __init__(self, reader):
        self.reader, self.ids = reader, reader.ids

    def load(self, split, clip_id):
        if clip_id == "toy-train-00001":
            time.sleep(600)
        if clip_id == "toy-train-00003":
            os._exit(9)
        return self.reader.load(split, clip_id)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


@pytest.mark.skipif(not ABSENT, reason="Ray is installed")
def test_without_ray_there_is_a_sentence(tmp_path):
    with pytest.raises(PluginError, match=r"pip install 'signvip\[ray\]'"):
        preprocess(recipe(), tmp_path, executor=Ray(60))


@pytest.mark.skipif(ABSENT, reason="needs Ray: nox -s ray")
def test_a_cluster_makes_what_one_process_makes(tmp_path):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        result = preprocess(recipe(), tmp_path / "ray", executor=Ray(300))
        assert result.manifest.splits["train"].clips_out == 5
        preprocess(recipe(), tmp_path / "here", executor=Here())
        assert contents(tmp_path / "ray") == contents(tmp_path / "here")
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
        troubled = replace(recipe(), reader=Troubled(recipe().reader))
        # A new worker has to start in this time as well, in the place of the one that was killed.
        summary = preprocess(troubled, tmp_path / "troubled", executor=Ray(30)).summary
        assert (summary.clips_out, sum(summary.failed.values())) == (5, 2)
        reasons = (tmp_path / "troubled" / "failed.jsonl").read_text()
        assert "longer than 30 s" in reasons and "worker was killed" in reasons
    finally:
        ray.shutdown()
