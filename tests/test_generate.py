"""How `generate` is told to sample: what reaches the sampler, what is refused, and what it costs in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

import signvip.pipeline
from signvip.errors import ConfigError, DataError, UnseenWarning
from signvip.generate import GenerateOptions, Request, choose_run, embedded_run, generate, load_pipeline
from signvip.sampling.options import SchedulerName
from signvip_cli.commands.generate import SCHEDULERS

GREY = np.full((64, 64, 3), 150, np.uint8)


def test_options_reach_the_sampler_and_the_sidecar(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / "ref.png")
    asked = {}

    def sample(_denoiser, scheduler, _reference, e, **options):
        asked.update(options, scheduler=type(scheduler).__name__)
        return torch.zeros(1, e.shape[1], 8, *e.shape[3:])

    monkeypatch.setattr(signvip.pipeline, "sample", sample)
    options = GenerateOptions(
        steps=4, guidance=1.5, guidance_stop=0.5, reuse_every=2, window_batch=3, scheduler="lcm", max_frames=2
    )
    generate([Request("rain", tmp_path / "ref.png", tmp_path / "a.mp4", language="ase")], options=options)
    assert (asked["steps"], asked["guidance_scale"], asked["guidance_interval"]) == (4, 1.5, (0.0, 0.5))
    assert (asked["reuse_every"], asked["window_batch"], asked["scheduler"]) == (2, 3, "LCMScheduler")
    told = json.loads((tmp_path / "a.json").read_text())["sampling"]
    assert (told["guidance_start"], told["guidance_stop"], told["reuse_every"]) == (0.0, 0.5, 2)
    assert told["scheduler"] == "LCMScheduler"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"compile": True}, "leave out --compile"),
        ({"offload": True}, "leave out --offload"),
        ({"dtype": "fp16"}, "use --dtype fp32"),
        ({"scheduler": "dpm"}, "dpm\\+\\+"),
    ],
)
def test_what_a_cpu_cannot_do_is_refused_before_anything_is_loaded(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_pipeline("no/run", GenerateOptions(device="cpu", **options))


def test_a_place_that_cannot_be_written_to_is_told_before_any_work(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "ref.png")
    request = Request("rain", tmp_path / "ref.png", tmp_path / "ref.png" / "a.mp4")
    with pytest.raises(DataError, match=r"a\.mp4 cannot be written"):
        generate([request], run="no/run")
    assert [path.name for path in tmp_path.iterdir()] == ["ref.png"]


def test_help_names_every_scheduler():
    for name in get_args(SchedulerName):
        assert name in SCHEDULERS


def test_offloaded_parts_are_fetched_before_they_work():
    """The accelerator is the CPU here, so what is seen is that each part is fetched, and the same result."""
    plain, offloaded = (signvip.SignVipPipeline.from_pretrained(embedded_run()) for _ in range(2))
    offloaded.enable_model_cpu_offload(device="cpu")
    fetched = []
    parts = [
        name for name in offloaded.model_cpu_offload_seq.split("->") if getattr(offloaded, name) is not None
    ]
    for name in parts:
        hook = getattr(offloaded, name)._hf_hook

        def fetch(module, *args, name=name, before=hook.pre_forward, **kwargs):
            fetched.append(name)
            return before(module, *args, **kwargs)

        hook.pre_forward = fetch
    first, second = (
        pipe("rain", GREY, max_frames=2, output_type="np", generator=torch.Generator().manual_seed(1)).frames
        for pipe in (plain, offloaded)
    )
    assert np.array_equal(first, second)
    assert set(fetched) == set(parts)
    assert (
        fetched[fetched.index("denoiser") :][:3] == ["denoiser"] * 3
    )  # e of a window, and the reference twice


MEASURE = """
import resource, sys
from pathlib import Path
import torch
from signvip.generate import GenerateOptions, Request, embedded_run, load_pipeline
from signvip.generation.making import VideoMaker

pipe = load_pipeline(str(embedded_run()), GenerateOptions(steps=1, device="cpu"))
for frames in (25, 200):
    tokens = torch.zeros(frames, pipe.autoencoder.tokens_per_frame, dtype=torch.long)
    pipe.translator.generate = lambda *_, **__: [tokens]
    request = Request("rain", Path(sys.argv[1]), Path(sys.argv[2]))
    VideoMaker(pipe, GenerateOptions()).make(request)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_a_clip(tmp_path):
    """The peak of the process, which the second and longer clip may raise by a tenth at most."""
    Image.fromarray(GREY).save(tmp_path / "ref.png")
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "ref.png"), str(tmp_path / "a.mp4")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    short, long = map(int, told.stdout.split())
    assert long < 1.1 * short


def test_the_embedded_model_has_a_name_unless_a_folder_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_run("embedded") == choose_run(None) == str(embedded_run())
    (tmp_path / "embedded").mkdir()
    assert choose_run("embedded") == "embedded"


def test_each_request_is_translated_into_its_own_language_and_says_so(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / "ref.png")
    asked = []

    def translate(texts, *, languages=None, **_):
        asked.extend(zip(texts, languages, strict=True))
        return [torch.zeros(1, 36, dtype=torch.long) for _ in texts]

    pipe = load_pipeline(str(embedded_run()), GenerateOptions(device="cpu", steps=1))
    monkeypatch.setattr(pipe.translator, "generate", translate)
    monkeypatch.setattr(pipe.translator.network, "languages", ("qaa", "pso"))
    monkeypatch.setattr("signvip.generate.load_pipeline", lambda *_: pipe)

    def request(name, language):
        return Request("rain", tmp_path / "ref.png", tmp_path / f"{name}.mp4", language=language)

    with pytest.warns(UnseenWarning, match="never saw the sign language 'pso'"):
        generate([request("a", "pso"), request("b", None)], options=GenerateOptions(language="qaa"))
    assert asked == [("rain", "pso"), ("rain", "qaa")]
    told = [json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab"]
    assert [one["sampling"]["language"] for one in told] == ["pso", "qaa"]
    assert "pso" in told[0]["warnings"][0] and not any("pso" in sentence for sentence in told[1]["warnings"])
    with pytest.raises(DataError, match="give --language for the rest"):
        generate([request("c", "pso"), request("d", None)])
