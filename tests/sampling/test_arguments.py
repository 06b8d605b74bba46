"""What the pipeline is asked for is checked at its door: a right result, or one sentence before any work."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

import signvip
from signvip.errors import SignVipError
from signvip.generate import GenerateOptions, Request, embedded_run, generate

TEXT = "rain"
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def pipe():
    pipe = signvip.SignVipPipeline.from_pretrained(embedded_run())
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def idle(pipe, monkeypatch):
    """The pipeline, of which no part may be asked to work."""

    def work(*_, **__):
        raise AssertionError("it began to work")

    for part in (pipe.translator, pipe.autoencoder, *pipe.denoiser.parts().values(), pipe.vae):
        for name in ("forward", "generate", "decode_frames"):
            if hasattr(part, name):
                monkeypatch.setattr(part, name, work)
    return pipe


def make(pipe, text=TEXT, reference=PICTURE, **options):
    options = {
        "max_frames": 1,
        "output_type": "latent",
        "generator": torch.Generator().manual_seed(0),
    } | options
    return pipe(text, reference, **options)


@pytest.mark.parametrize(
    "options",
    [
        *({"num_inference_steps": value} for value in (0, -1, 2.5, "4", True, 1001)),
        *({"max_frames": value} for value in (0, -3, 1.0, "all")),
        *({"guidance_scale": value} for value in (float("nan"), float("inf"), -1, "3.5", [3.5])),
        *({"temperature": value} for value in (float("nan"), -0.1, "hot")),
        *({"top_k": value} for value in (0, -1, 2.5)),
        *(
            {"generator": value}
            for value in (0, np.random.default_rng(0), [torch.Generator()] * 2, [7], "seed")
        ),
        *({"language": value} for value in ("", 3, [3], ["tsa", "tsb"])),
        *({"output_type": value} for value in ("gif", None, 1)),
        *({"tokens": value} for value in (torch.zeros(2, 3).long(), torch.zeros(0, 16).long(), [[0] * 16])),
        *(
            {"tokens": value}
            for value in (torch.zeros(2, 16), torch.full((2, 16), 625), torch.full((2, 16), -1))
        ),
        {"callback_on_step_end": 3},
        *({"text": value} for value in ("", "  ", [], ["rain", ""], None, 7, b"rain", [["rain"]])),
        {"text": ["rain", "snow"], "tokens": torch.zeros(2, 16).long(), "generator": None},
    ],
    ids=lambda words: re.sub(" at 0x[0-9a-fA-F]+|object", "", str(words)),  # the same in every process
)
def test_what_makes_no_sense_is_one_sentence_before_any_work(idle, options):
    with pytest.raises(SignVipError) as told:
        make(idle, **options)
    assert str(told.value).endswith(".") and "\n" not in str(told.value)


@pytest.mark.parametrize(
    "reference",
    [
        PICTURE.astype(np.float32),  # in 0 to 255
        PICTURE / np.float32(127.5) - 1,
        np.full((64, 64, 3), np.nan),
        PICTURE.astype(np.int64) + 200,
        PICTURE.astype(np.uint16) * 257,
        PICTURE.transpose(2, 0, 1),
        PICTURE[None],
        PICTURE[..., :2],
        PICTURE[:4],
        np.array(["a", "b"]),
        PICTURE.astype(object),
        PICTURE / 255 + 1j,
        np.zeros((0, 64, 3), np.uint8),
        [PICTURE, PICTURE],
        [],
        [[1, 2], [3, 4]],
        None,
        7,
        b"bytes",
        torch.zeros(3, 64, 64),
        "https://example.org/ref.png",
    ],
    ids=lambda value: (
        str(value)[:20] if not isinstance(value, np.ndarray) else f"{value.shape} {value.dtype}"
    ),
)
def test_what_is_no_picture_of_a_signer_is_one_sentence_before_any_work(idle, reference):
    with pytest.raises(SignVipError) as told:
        make(idle, reference=reference)
    assert str(told.value).endswith(".") and "\n" not in str(told.value)


def test_a_picture_that_was_closed_or_cut_is_one_sentence(idle, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:5000])
    closed = Image.open(tmp_path / "a.png")
    closed.close()
    for picture in (closed, Image.open(tmp_path / "cut.png")):
        with pytest.raises(SignVipError, match="damaged or closed"):
            make(idle, reference=picture)


@pytest.mark.parametrize(
    "reference",
    [
        PICTURE / np.float32(255),
        PICTURE / np.float64(255),
        (PICTURE / 255).astype(np.float32) + np.float32(1e-6),
        PICTURE.astype(np.int64),
        PICTURE.astype(np.uint32),
        Image.fromarray(PICTURE),
        Image.fromarray(PICTURE).convert("RGBA"),
        np.dstack([PICTURE, np.full((64, 64), 255, np.uint8)]),
        [PICTURE],
        (Image.fromarray(PICTURE),),
    ],
    ids=lambda value: (
        type(value).__name__ if not isinstance(value, np.ndarray) else f"{value.shape} {value.dtype}"
    ),
)
def test_one_picture_in_any_form_gives_one_result(pipe, reference):
    assert torch.equal(make(pipe, reference=reference).frames, make(pipe).frames)


def test_a_list_of_references_gives_each_text_its_own(pipe):
    other = 255 - PICTURE
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    both = make(pipe, ["rain", "snow"], [PICTURE, other], generator=generators)
    for text, picture, seed, frames in zip(
        ["rain", "snow"], [PICTURE, other], (1, 2), both.frames, strict=True
    ):
        assert torch.equal(
            make(pipe, text, picture, generator=torch.Generator().manual_seed(seed)).frames, frames
        )


def test_numbers_of_numpy_are_numbers(pipe):
    plain = make(pipe, num_inference_steps=1, guidance_scale=2.0).frames
    assert torch.equal(
        make(pipe, num_inference_steps=np.int64(1), guidance_scale=np.float32(2)).frames, plain
    )


def test_an_interrupted_call_takes_no_further_step(pipe):
    told = []

    def stop(caller, step, timestep, values):
        told.append(step)
        caller._interrupt = step == 1

    result = make(pipe, ["rain", "snow"], num_inference_steps=4, generator=None, callback_on_step_end=stop)
    assert told == [0, 1] and len(result.frames) == 1 and pipe.interrupt
    make(pipe, num_inference_steps=2)
    assert not pipe.interrupt


@pytest.mark.parametrize(
    "options", [{"num_inference_steps": 0}, {"guidance_scale": float("nan")}, {"generator": 3}]
)
def test_a_part_of_the_pipeline_checks_what_it_is_given_itself(idle, options):
    with pytest.raises(SignVipError):
        idle.denoise(torch.zeros(1, 16, 16, 16), PICTURE, **options)
    with pytest.raises(SignVipError):
        idle.translate([""])


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"max_frames": -1},
        {"guidance": float("inf")},
        {"temperature": -1.0},
        {"top_k": 0},
        {"seed": "a"},
    ],
    ids=str,
)
def test_generate_checks_its_options_before_anything_is_loaded(tmp_path, options):
    Image.fromarray(PICTURE).save(tmp_path / "ref.png")
    request = Request(TEXT, tmp_path / "ref.png", tmp_path / "a.mp4")
    with pytest.raises(SignVipError, match="; give a"):
        generate([request], run=str(embedded_run()), options=GenerateOptions(**options))
    assert [path.name for path in tmp_path.iterdir()] == ["ref.png"]


def test_options_of_a_run_are_checked_where_it_is_opened():
    with pytest.raises(SignVipError, match="steps is 0; give a whole number from 1 on"):
        signvip.SignVipPipeline.from_pretrained(embedded_run(), steps=0)


@pytest.mark.parametrize(
    "options",
    [
        *({"height": value} for value in (100, 7, -64, "64", 64.0)),
        *({"fps": value} for value in (0, -1, float("nan"), "12")),
        *({"guidance": value} for value in (None, float("nan"), -1)),
        *({"guidance_start": value} for value in (2, "a", float("nan"))),
        {"overlap": 1.5},
        {"overlap": -1},
        {"tail": "foo"},
        {"reuse_every": None},
        {"scheduler": None},
        {"scheduler": "ddim"},
        {"vae": None},
        *({"torch_dtype": value} for value in ("float16", torch.int8, 5)),
    ],
    ids=lambda options: "-".join(f"{name}={value}" for name, value in options.items()),
)
def test_options_of_a_pipeline_are_checked_where_it_is_made(pipe, options):
    (name,) = options
    with pytest.raises(SignVipError, match=f"{name}|Pictures of 100x64|at least 8x8"):
        if name in ("scheduler", "vae", "torch_dtype"):
            signvip.SignVipPipeline.from_pretrained(embedded_run(), **options)
        make(signvip.SignVipPipeline(**pipe.components, guided_by=pipe.config.guided_by, **options))


@pytest.mark.parametrize("name", [None, 5, b"run", "x" * 5000], ids=["None", "int", "bytes", "long"])
def test_what_is_no_name_of_a_run_is_a_sentence(name):
    with pytest.raises(SignVipError, match="hub id"):
        signvip.SignVipPipeline.from_pretrained(name)


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64, torch.float32])
def test_tokens_are_whole_numbers(idle, dtype):
    with pytest.raises(SignVipError, match="whole numbers"):
        make(idle, tokens=torch.zeros(2, 16, dtype=dtype))


@pytest.mark.parametrize(
    "returned",
    [5, {"latents": None}, {"latents": torch.zeros(3)}, ["latents"]],
    ids=["5", "None", "shape", "list"],
)
def test_what_a_callback_returns_is_looked_at(pipe, returned):
    with pytest.raises(SignVipError, match="callback returned"):
        make(pipe, num_inference_steps=1, callback_on_step_end=lambda *_: returned)


def test_a_callback_may_ask_for_nothing(pipe):
    for inputs in (None, "latents", []):
        told = []
        make(pipe, num_inference_steps=1, callback_on_step_end=lambda *given, told=told: told.append(given),
             callback_on_step_end_tensor_inputs=inputs)  # fmt: skip
        assert len(told) == 1


def test_a_scheduler_that_finds_nothing_is_refused(pipe):
    import diffusers

    offered = pipe.scheduler
    pipe.scheduler = diffusers.DEISMultistepScheduler.from_config(offered.config)
    try:
        with pytest.raises(SignVipError, match="DEISMultistepScheduler misses a known answer"):
            make(pipe, num_inference_steps=8)
    finally:
        pipe.scheduler = offered
