"""The same shards by a Ray cluster: in an environment of its own, `nox -s ray`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import pytest

import signvip
from signvip.data.cluster import Ray
from signvip.data.executors import Here
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.errors import PluginError
from signvip.registry import registry

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


needs_ray = pytest.mark.skipif(ABSENT, reason="needs Ray: nox -s ray")


@pytest.fixture(scope="module")
def cluster():
    """Two cores; workers cannot import this file, and get what it holds by value."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.shutdown()


@needs_ray
def test_a_cluster_makes_what_one_process_makes(tmp_path, cluster):
    result = preprocess(recipe(), tmp_path / "ray", executor=Ray(300))
    assert result.manifest.splits["train"].clips_out == 5
    preprocess(recipe(), tmp_path / "here", executor=Here())
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


@needs_ray
def test_a_clip_that_hangs_or_kills_its_worker_is_the_only_one_lost(tmp_path, cluster):
    troubled = replace(recipe(), reader=Troubled(recipe().reader))
    summary = preprocess(troubled, tmp_path, executor=Ray(8)).summary
    assert (summary.clips_out, sum(summary.failed.values())) == (5, 2)
    reasons = (tmp_path / "failed.jsonl").read_text()
    assert "longer than 8 s" in reasons and "worker was killed" in reasons


class Count:
    """Work that tells how many tasks its worker did before; it dies at the first try of one."""

    def __init__(self, mark):
        self.mark, self.done = mark, 0

    def __call__(self, number):
        if number == 3 and not self.mark.exists():
            self.mark.touch()
            os._exit(9)
        self.done += 1
        return number, self.done, os.getpid()


@needs_ray
def test_workers_keep_what_they_have_and_a_lost_task_is_done_again(tmp_path, cluster):
    made = list(Ray(60, workers=2)(Count(tmp_path / "mark"), [(number,) for number in range(12)]))
    assert [number for number, _, _ in made] == list(range(12))
    by_worker = {}
    for _, done, process in made:
        by_worker.setdefault(process, []).append(done)
    assert 2 <= len(by_worker) <= 3  # the third came for the one that died
    assert all(sorted(done) == list(range(1, len(done) + 1)) for done in by_worker.values())


PLUGIN = '''
import signvip


class Loud(signvip.build("condition", "pose").__class__):
    """A condition of a file."""


@signvip.hookimpl
def register_conditions(register):
    register("loud", Loud)
'''


@needs_ray
def test_plugin_files_are_loaded_by_workers(tmp_path, cluster):
    (tmp_path / "loud.py").write_text(PLUGIN)
    registry().add_file(tmp_path / "loud.py")
    own = replace(recipe(), conditions={"loud": signvip.build("condition", "loud")})
    assert preprocess(own, tmp_path / "shards", executor=Ray(60)).summary.clips_out == 7


class Absent:
    """Work that cannot be loaded elsewhere."""

    def __reduce__(self):
        return __import__, ("a_package_that_workers_lack",)

    def __call__(self):
        """Do nothing."""


@needs_ray
def test_workers_that_cannot_start_are_told(cluster):
    with pytest.raises(PluginError, match="install SignViP and its plugins on every machine"):
        list(Ray(60)(Absent(), [()]))
