"""Videos by a Ray cluster, of the embedded model: in an environment of its own, `nox -s ray`."""

from __future__ import annotations

import json

import pytest

from signvip.data.cluster import Ray
from signvip.generate import GenerateOptions, Request
from signvip.generate_many import generate_many
from signvip.origin.record import OriginOptions
from signvip_track.signing import drawn_signer

ray = pytest.importorskip("ray", reason="needs Ray: nox -s ray")
TEXTS = ("rain", "snow on monday", "wind at night", "sun")
OPTIONS = GenerateOptions(steps=1, max_frames=2, device="cpu")


def make(folder, **options):
    requests = [Request(text, drawn_signer(), folder / f"{number}.mp4") for number, text in enumerate(TEXTS)]
    origin = OriginOptions(manifest=False)
    return generate_many(requests, folder, run="embedded", options=OPTIONS, origin=origin, **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_two_workers_make_what_one_process_makes_and_go_on(tmp_path):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert len(make(tmp_path / "ray", executor=Ray(None)).there) == 4
        make(tmp_path / "here")
        whole = contents(tmp_path / "here")
        assert contents(tmp_path / "ray") == whole
        (tmp_path / "ray" / "1.mp4").unlink()
        assert make(tmp_path / "ray", executor=Ray(None)).kept == 3
        assert contents(tmp_path / "ray") == whole
        assert json.loads(whole["0.json"])["text"] == "rain"
    finally:
        ray.shutdown()
