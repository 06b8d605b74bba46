"""Text, picture, run and seed decide the video: the command gives frame for frame what Python gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import signvip
import signvip.generation.making
from signvip.generate import GenerateOptions, Request, generate, load_pipeline
from signvip.origin.writing import GeneratedVideo

TEXTS = ["tomorrow it will rain in the north", "snow"]
SEED = 11


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "ref.png"
    pixels = np.random.default_rng(0).integers(0, 255, (40, 32, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def command(trained, picture, tmp_path, monkeypatch):
    """`signvip generate` for some texts: the frames that it writes, before they are marked and coded, by text."""
    written: dict[Path, list[np.ndarray]] = {}

    class Recorder(GeneratedVideo):
        def write(self, frames):
            written.setdefault(self.path, []).append(frames)
            super().write(frames)

    monkeypatch.setattr(signvip.generation.making, "GeneratedVideo", Recorder)

    def run(texts, **options):
        written.clear()
        requests = [Request(text, picture, tmp_path / f"{n}.mp4") for n, text in enumerate(texts)]
        made = generate(requests, run=str(trained.run), options=GenerateOptions(**options))
        return [np.concatenate(written[path]) for path in made]

    return run


def seeded(seed: int = SEED) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "options",
    [
        {"max_frames": 3},
        {"max_frames": 3, "temperature": 1.0, "top_k": 50},
        {"max_frames": 3, "temperature": 0.7, "scheduler": "ddpm", "steps": 3},
        {"max_frames": 10, "scheduler": "lcm", "window_batch": 2},
    ],
    ids=["greedy", "sampled", "ddpm", "lcm"],
)
def test_the_command_gives_what_python_gives(trained, picture, command, options):
    pipe = load_pipeline(str(trained.run), GenerateOptions(**options))
    ask = {name: options[name] for name in ("max_frames", "temperature", "top_k") if name in options}
    alone = [pipe(text, picture, generator=seeded(), **ask) for text in TEXTS]
    together = pipe(TEXTS, picture, generator=[seeded() for _ in TEXTS], output_type="np", **ask)
    many = command(TEXTS, seed=SEED, **options)
    (single,) = command(TEXTS[1:2], seed=SEED, **options)
    assert np.array_equal(single, many[1])
    for frames, one, among in zip(many, alone, together.frames, strict=True):
        assert np.array_equal(frames, np.stack([np.asarray(frame) for frame in one.frames]))
        assert np.array_equal(frames, (among * 255).round().astype(np.uint8))


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0}], ids=["greedy", "sampled"])
def test_another_seed_gives_another_video_and_stands_in_the_sidecar(command, tmp_path, options):
    first, second = (command(TEXTS[:1], seed=seed, max_frames=2, **options)[0] for seed in (SEED, SEED + 1))
    assert first.shape != second.shape or not np.array_equal(first, second)
    assert json.loads((tmp_path / "0.json").read_text())["sampling"]["seed"] == SEED + 1


def test_one_generator_for_many_texts_draws_for_one_after_the_other(trained, picture):
    pipe = signvip.SignVipPipeline.from_pretrained(trained.run)
    pipe.set_progress_bar_config(disable=True)
    ask = {"max_frames": 3, "output_type": "np"}
    generator = seeded()
    expected = [pipe(text, picture, generator=generator, **ask).frames for text in TEXTS]
    made = pipe(TEXTS, picture, generator=seeded(), **ask).frames
    assert all(np.array_equal(a, b) for a, b in zip(made, expected, strict=True))
    with pytest.raises(signvip.DataError, match="2 texts need 2 generators, not 1"):
        pipe(TEXTS, picture, generator=[generator], **ask)


def test_a_stream_is_decoded_as_it_is_read(trained, picture, monkeypatch):
    pipe = signvip.SignVipPipeline.from_pretrained(trained.run)
    pipe.set_progress_bar_config(disable=True)
    decoded, decode = [], pipe.vae.decode
    monkeypatch.setattr(pipe.vae, "decode", lambda z, **how: decoded.append(len(z)) or decode(z, **how))
    tokens = torch.zeros(20, pipe.autoencoder.tokens_per_frame, dtype=torch.long)
    made = pipe("", picture, tokens=tokens, output_type="stream")
    seen = [(len(part), sum(decoded)) for part in made.frames]
    assert seen == [(8, 8), (8, 16), (4, 20)]


def test_an_unknown_output_type_is_told_before_any_work(trained, picture):
    pipe = signvip.SignVipPipeline.from_pretrained(trained.run)
    with pytest.raises(signvip.DataError, match="no output type 'mp4'; choose one of pil, np"):
        pipe(["rain"] * 10**4, picture, output_type="mp4")
