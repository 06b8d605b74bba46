"""`import-release`: a small release that the test writes, in each layout, against formulas on its own keys."""

from __future__ import annotations

import json
import os

import formulas
import pytest
import torch
import written
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from typer.testing import CliRunner

from signvip import SignVipPipeline
from signvip.config import load_config
from signvip.errors import DataError, RunError
from signvip.footprint.parameters import meta_networks, paper_count
from signvip.models import Autoencoder, ConditionEncoder, TokenTranslator
from signvip.models.vae import build_vae
from signvip.release import import_release
from signvip.release.configure import configure
from signvip.release.files import Contents, Found
from signvip.release.importer import complete, gather
from signvip.release.keys import convert
from signvip.release.layout import layouts
from signvip.release.report import Report
from signvip.run import Run
from signvip_cli.app import app


@torch.no_grad()
def test_embeddings_are_those_of_the_release(run):
    images = torch.rand(2, 6, *written.FRAME) * 2 - 1
    formulas.assert_near(
        run.load("condition_encoder", ConditionEncoder)(images),
        formulas.condition_encoder(written.condition_encoder(), images),
    )


@torch.no_grad()
def test_guider_features_are_those_of_the_release(run):
    e = torch.randn(2, 5, written.EMBEDDING, *written.CELLS)
    weights = {**written.guider(), **written.guider_motion()}
    made = run.load("guider", Guider)(e)
    for ours, theirs in zip(made, formulas.guider(weights, e.flatten(0, 1), frames=5), strict=True):
        formulas.assert_near(ours, theirs)


@torch.no_grad()
def test_tokens_and_what_they_decode_to_are_those_of_the_release(run):
    e, weights = torch.randn(3, written.EMBEDDING, *written.CELLS), written.autoencoder()
    autoencoder = run.load("autoencoder", Autoencoder)
    tokens = formulas.tokens(weights, e)
    assert len(tokens.unique()) > 10
    assert torch.equal(autoencoder.encode(e).tokens, tokens)
    formulas.assert_near(autoencoder.decode(tokens), formulas.embeddings(weights, tokens, written.CELLS))


@torch.no_grad()
def test_translated_tokens_are_those_of_the_release(run):
    translator = run.load("translator", TokenTranslator).eval()
    sentence = translator.network.prefix.encoder(["rain"]).sentence
    theirs = formulas.translate(written.translator(), sentence, frames=8)
    made = translator.generate(["rain"], max_frames=8)[0]
    ends = (theirs >= written.CODES).any(1).nonzero()
    count = int(ends[0]) if len(ends) else len(theirs)
    assert count > 0
    assert torch.equal(made[:count], theirs[:count])


def test_motion_is_where_the_release_has_it(run):
    ours, theirs = run.load("denoiser", Denoiser).state_dict(), written.unet_motion()
    old = "up_blocks.1.motion_modules.2.temporal_transformer.transformer_blocks.0"
    new = "unet.up_blocks.1.motion_modules.2.transformer_blocks.0"
    assert torch.equal(ours[f"{new}.attn2.to_k.weight"], theirs[f"{old}.attention_blocks.1.to_k.weight"])
    assert torch.equal(ours[f"{new}.norm3.bias"], theirs[f"{old}.ff_norm.bias"])
    assert sum("motion" in key for key in ours) == len(theirs) - 10  # one table of places for two attentions


def test_the_reference_net_reads_at_the_samplers_timestep(run):
    net = run.load("reference_net", ReferenceNet)
    assert net.config["timestep"] == "sampler"
    weights = written.reference_net()
    assert len(weights) == len(written.stable_diffusion().state_dict()) - 24
    assert all(torch.equal(net.state_dict()[f"unet.{key}"], value) for key, value in weights.items())


def test_the_run_generates(run, tmp_path):
    from PIL import Image

    Image.new("RGB", written.FRAME[::-1], (200, 30, 30)).save(tmp_path / "ref.png")
    pipe = SignVipPipeline.from_pretrained(run.path)
    pipe.set_progress_bar_config(disable=True)
    made = pipe("rain", tmp_path / "ref.png", num_inference_steps=2, max_frames=5, output_type="np")
    assert made.frames.shape == (len(made.tokens), *written.FRAME, 3) and made.tokens.shape[1] == 12
    report = json.loads((run.path / "import.json").read_text())
    assert len(report["dropped"]["translator"]) == written.LAYERS + written.TOKENS + 1
    assert "licence" in report


@pytest.mark.parametrize(("heads", "frames", "size"), [(12, 401, "[272,224]"), (64, 501, "[512,512]")])
def test_every_published_key_of_the_full_size_has_its_place(monkeypatch, heads, frames, size):
    """On the meta device: as many keys as were counted in the authors' modules, none left over, none missing."""
    for name, value in written.FULL.items():
        monkeypatch.setattr(written, name, value)
    with torch.device("meta"):
        parts = {
            "condition_encoder": written.condition_encoder(),
            "guider": {**written.guider(), **written.guider_motion()},
            "autoencoder": written.autoencoder(),
            "translator": written.translator(heads, frames),
            "reference_net": written.reference_net(),
            "motion": written.unet_motion(),
        }
        spatial, vae = written.stable_diffusion().state_dict(), build_vae(**load_config("rwth").vae)
    counted = {
        "autoencoder": 270,
        "reference_net": 662,
        "motion": 560,
        "translator": {12: 385, 64: 1425}[heads],
    }
    assert {part: len(parts[part]) for part in counted} == counted
    assert len(parts["condition_encoder"]) + len(parts["guider"]) == 46 + 140
    contents = Contents({part: Found(tensors) for part, tensors in parts.items()})
    prompt = torch.empty(1, 77, 768, device="meta")
    config = configure(contents, spatial, vae.config, prompt, None, [f"size={size}"])
    report, networks = Report({}, []), meta_networks(config)
    layout, gathered = layouts(config, networks), gather(contents, spatial)
    for part, network in networks.by_part().items():
        report.compare(part, gathered[part], layout[part])
        known = {key: value for key, value in gathered[part].items() if key in layout[part]}
        made = complete(network, convert(part, known), prompt)
        assert {key: value.shape for key, value in made.items()} == {
            key: value.shape for key, value in network.state_dict().items()
        }
    assert report.faults() == ""
    assert networks.autoencoder.tokens_per_frame == heads
    assert f"{paper_count(config) / 1e6:.2f}" == {12: "2583.57", 64: "2777.92"}[heads]


LAYOUTS = {
    "wrapped": {"prefix": "module."},
    "wrapped twice": {"prefix": "module.unet."},
    "half precision": {"dtype": torch.float16},
    "bfloat16 in safetensors": {"dtype": torch.bfloat16, "safe": True},
    "a full U-Net": {"full_unet": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_weights(tmp_path, options, run, layout):
    other = Run.open(
        import_release(str(written.write(tmp_path / "other", **LAYOUTS[layout])), tmp_path / "o", options)
    )
    rough = {"rtol": 2e-2, "atol": 1e-2} if LAYOUTS[layout].get("dtype") else {"rtol": 0, "atol": 0}
    for part, cls in (("guider", Guider), ("denoiser", Denoiser), ("translator", TokenTranslator)):
        ours, theirs = other.load(part, cls).state_dict(), run.load(part, cls).state_dict()
        assert set(ours) == set(theirs)
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value, **rough)


def test_sixty_four_heads_and_more_frames_are_read_off_the_shapes(tmp_path, options):
    source = written.write(tmp_path / "release", tokens=64)
    torch.save(written.translator(64, 21), source / "gpt/t2pgpt/model.bin")
    settings = [*options.settings, "size=[128,128]"]  # 16x16 cells, 8x8 after one halving
    made = import_release(str(source), tmp_path / "run", _with(options, settings=settings))
    config = Run.open(made).config
    assert config.preset == "how2sign-release" and config.translator.options["max_frames"] == 20


def _with(options, **changes):
    from dataclasses import replace

    return replace(options, **changes)


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("temporal/unet/model.bin", "denoiser: .* missing .*motion_modules"),
        ("temporal/condition_encoder/model.bin", "guider: .* missing .*motion_modules"),
        ("fsq/condition_encoder/model.bin", "autoencoder: .* missing"),
        ("gpt/t2pgpt/model.bin", "translator: .* missing"),
    ],
)
def test_a_partial_release_is_refused_and_nothing_is_written(tmp_path, options, lost, named):
    source = written.write(tmp_path / "release")
    os.remove(source / lost)
    settings = [*options.settings, "autoencoder.block_out_channels=[32,64]"]
    with pytest.raises(DataError, match=named):
        import_release(str(source), tmp_path / "run", _with(options, settings=settings))
    assert not list(tmp_path.glob("*run*"))


def test_a_partial_release_is_imported_when_told_and_says_what_it_lacks(tmp_path, options, said):
    source = written.write(tmp_path / "release")
    os.remove(source / "temporal/unet/model.bin")
    run = Run.open(import_release(str(source), tmp_path / "run", _with(options, partial=True), said))
    assert any("flicker" in sentence for sentence in said.sentences)
    assert run.load("denoiser", Denoiser).config["motion"] == "none"


def test_a_translator_alone_is_imported_when_told(tmp_path, options):
    source = tmp_path / "release"
    source.mkdir()
    torch.save(written.translator(), source / "model.bin")
    settings = [*options.settings, "autoencoder.block_out_channels=[32,64]"]
    lone = _with(options, partial=True, settings=settings, stable_diffusion=str(tmp_path), vae=str(tmp_path))
    run = Run.open(import_release(str(source), tmp_path / "run", lone))
    assert run.has("translator") and not run.has("denoiser") and not run.has("vae")
    with pytest.raises(RunError, match="no trained vae"):
        SignVipPipeline.from_pretrained(run.path)


def test_the_command_says_what_it_found_and_what_is_missing(tmp_path, base, bert):
    command = ["import-release", str(written.write(tmp_path / "release")), str(tmp_path / "run")]
    settings = [
        "--set",
        written.SIZE,
        "--set",
        f'translator.text_encoder="{bert}"',
        "--stable-diffusion",
        str(base),
    ]
    runner = CliRunner()
    without = runner.invoke(app, [*command, *settings, "--vae", str(tmp_path)])
    assert without.exit_code == 1 and "\nerror:" in without.stderr and "sd-vae-ft-mse" in without.stderr
    made = runner.invoke(app, [*command, *settings, "--vae", str(base / "vae-ft")])
    assert made.exit_code == 0, made.stderr
    assert made.stdout.strip().endswith("run") and "translator:" in made.stderr and "licence" in made.stderr
