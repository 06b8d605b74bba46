"""A run from anybody is data: it imports nothing, and what is wrong with it is one sentence."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

import signvip
from signvip.errors import RunError
from signvip.generate import embedded_run
from signvip.models import ConditionEncoder, TokenTranslator
from signvip.storage.loading import WEIGHTS, load_part

CODE = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\nclass Thing: pass\n"
OURS = ["signvip.models.video_diffusion.guider", "Guider"]


@pytest.fixture
def run(tmp_path):
    """The embedded run, with an index and folders of its own, and files that are linked to."""
    folder = tmp_path / "run"
    for path in embedded_run().rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(embedded_run())
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes()) if path.suffix == ".json" else copy.symlink_to(path)
    return folder


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("vae", ["lurking", "Thing"]),
        ("vae", ["signvip.release.embed", "embed"]),
        ("vae", ["signvip.models.build", "Thing"]),
        ("vae", ["diffusers", "UNet2DModel"]),
        ("vae", OURS),
        ("translator", ["subprocess", "Popen"]),
        ("guider", {"lurking": "Thing"}),
        ("guider", ["lurking"]),
        ("guider", ["lurking", "Thing", "more"]),
        ("guider", [["lurking"], ["Thing"]]),
        ("scheduler", ["lurking", "Thing"]),
        ("scheduler", ["diffusers", "FlaxDDIMScheduler"]),
        ("scheduler", ["diffusers.utils", "DDIMScheduler"]),
        ("safety", ["lurking", "Thing"]),
        ("_class_name", ["pipeline", "Thing"]),
        ("_class_name", "StableDiffusionPipeline"),
    ],
)
def test_a_class_that_is_none_of_ours_is_not_imported(run, tmp_path, monkeypatch, part, named):
    monkeypatch.syspath_prepend(tmp_path)
    for place in (tmp_path / "lurking.py", run / part / "lurking.py"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(CODE)
    rewrite(run / "model_index.json", **{part: named})
    with pytest.raises(RunError, match=r"none of SignViP's|no run of SignViP") as caught:
        signvip.SignVipPipeline.from_pretrained(run)
    assert "\n" not in str(caught.value)
    assert "lurking" not in sys.modules and not list(tmp_path.rglob("*.ran"))


@pytest.mark.parametrize("place", ["vae/diffusers.py", "pipeline.py", "scheduler/diffusers.py"])
def test_code_under_the_name_of_a_library_is_not_run(run, place):
    (run / place).write_text(CODE)
    with pytest.raises(RunError, match="is code"):
        signvip.SignVipPipeline.from_pretrained(run)
    assert not list(run.rglob("*.ran"))


@pytest.mark.parametrize(
    "changes",
    [
        {"height": "64"},
        {"height": 10**30},
        {"width": -1},
        {"fps": 1e300},
        {"fps": float("nan")},
        {"steps": 10**15},
        {"window": None},
        {"tail": "none"},
        {"reuse_every": True},
    ],
)
def test_numbers_that_no_run_has_are_a_sentence(run, changes):
    rewrite(run / "model_index.json", **changes)
    with pytest.raises(RunError, match=next(iter(changes))):
        signvip.SignVipPipeline.from_pretrained(run)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "7", '{"vae"', "[" * 100_000, '{"height": ' + "9" * 5000 + "}", "\x00"],
)
@pytest.mark.parametrize(
    "file", ["model_index.json", "vae/config.json", "scheduler/scheduler_config.json", "config.json"]
)
def test_json_of_another_kind_is_a_sentence(run, file, text):
    (run / file).write_text(text)
    with pytest.raises(signvip.SignVipError) as caught:
        signvip.SignVipPipeline.from_pretrained(run)
    assert 0 < len(str(caught.value)) < 800 and "\n" not in str(caught.value)


def bytes_of(path):
    data = path.read_bytes()
    path.unlink()  # a link
    return data


def cut(path):
    path.write_bytes(bytes_of(path)[:-7])


def only_a_start(path):
    path.write_bytes(bytes_of(path)[:5])


def huge_header(path):
    path.write_bytes(b"\xff" * 8 + bytes_of(path))


def integers(path):
    weights = load_file(path)
    path.unlink()
    name = next(name for name in weights if weights[name].ndim == 4)
    save_file({**weights, name: weights[name].to(torch.int64)}, path, metadata={"format": "pt"})


def other_shape(path):
    weights = load_file(path)
    path.unlink()
    save_file({name: value.flatten() for name, value in weights.items()}, path, metadata={"format": "pt"})


def one_less(path):
    weights = load_file(path)
    path.unlink()
    save_file(dict(list(weights.items())[1:]), path, metadata={"format": "pt"})


def pickled(path):
    torch.save(load_file(path), path.with_name("diffusion_pytorch_model.bin"))
    path.unlink()


def removed(path):
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (cut, "cut short"),
        (only_a_start, "cut short"),
        (huge_header, "cut short or no safetensors"),
        (integers, "I64 in the place of torch.float32"),
        (other_shape, "cannot be read"),
        (one_less, "has no .* among its weights"),
        (pickled, "signvip convert"),
        (removed, "cannot be read"),
    ],
)
def test_weights_that_do_not_fit_are_a_sentence(run, damage, sentence):
    damage(run / "condition_encoder" / WEIGHTS)
    with pytest.raises(RunError, match=sentence) as caught:
        load_part(run / "condition_encoder", ConditionEncoder, "make it again.")
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"auto_map": {"AutoModel": "lurking.Thing"}}, "auto_map"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config"),
        ({"translator_config": {"layers": 10**9}}, "translator_config.layers"),
        ({"vocab_size": [625]}, "not made of digits"),
        ({"translator": "nobody's"}, "There is no translator"),
        ({"translator_config": "gpt2"}, "cannot be read"),
        ({"tokens_per_frame": 10**12}, "cannot be read"),
    ],
)
def test_options_that_no_part_has_are_a_sentence(run, changes, sentence):
    rewrite(run / "translator" / "config.json", **changes)
    with pytest.raises(signvip.SignVipError, match=sentence):
        load_part(run / "translator", TokenTranslator, "make it again.")


def test_a_run_of_ones_own_pickles_is_converted(run):
    from signvip.storage.convert import convert

    before = load_part(embedded_run() / "condition_encoder", ConditionEncoder, "").state_dict()
    pickled(run / "condition_encoder" / WEIGHTS)
    assert [path.name for path in convert(run)] == [WEIGHTS]
    after = load_part(run / "condition_encoder", ConditionEncoder, "").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(RunError, match="no pickle to convert"):
        convert(run)


class Evil:
    def __reduce__(self):
        return print, ("it ran",)


def test_a_pickle_that_wants_to_run_code_is_not_converted(run, capsys):
    from signvip.storage.convert import convert

    (run / "condition_encoder" / WEIGHTS).unlink()
    torch.save({"weight": Evil()}, run / "condition_encoder" / "diffusion_pytorch_model.bin")
    with pytest.raises(RunError, match="not opened, since a pickle can run code"):
        convert(run)
    assert capsys.readouterr().out == ""
