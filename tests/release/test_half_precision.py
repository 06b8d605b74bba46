"""A release of halves: what is learned has their precision, and nothing else has."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
import torch
import written
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from transformers import CLIPTextModel

from signvip.errors import DataError
from signvip.models import Autoencoder, TokenTranslator
from signvip.models.precision import learned_names
from signvip.release import import_release, pretrained
from signvip.run import Run

PARTS = {
    "denoiser": Denoiser,
    "reference_net": ReferenceNet,
    "guider": Guider,
    "autoencoder": Autoencoder,
    "translator": TokenTranslator,
}
PROMPT = torch.arange(12.0 * written.PROMPT).view(1, 12, -1) / 7


def imported(tmp_path, options, **layout):
    return Run.open(
        import_release(str(written.write(tmp_path / "release", **layout)), tmp_path / "run", options)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_tables_and_the_empty_prompt_are_those_of_a_whole_release(tmp_path, options, run, dtype):
    halves = imported(tmp_path, options, dtype=dtype, full_unet=True)  # every part in one type
    rounded = 0
    for part, cls in PARTS.items():
        ours, whole = halves.load(part, cls), run.load(part, cls)
        learned = learned_names(ours)
        for key, value in ours.state_dict().items():
            if key in learned:
                rounded += torch.equal(value.to(dtype).float(), value)
            else:
                assert torch.equal(value, whole.state_dict()[key]), f"{key} of the {part}"
    assert rounded > 300


def test_tables_are_the_sines_to_the_last_digit(run):
    places = run.load("translator", TokenTranslator).state_dict()["network.trunk.wpe.weight"]
    assert torch.equal(places, written.sinusoids(written.FRAMES, written.WIDTH))
    tables = [
        table
        for part in ("denoiser", "guider")
        for name, table in run.load(part, PARTS[part]).named_buffers()
        if name.endswith("pos_embed.pe")
    ]
    assert len(tables) == 10 + 3
    assert all(torch.equal(table[0], written.sinusoids(written.PLACES, table.shape[-1])) for table in tables)


def test_another_table_is_refused(tmp_path, options):
    source = written.write(tmp_path / "release")
    weights = written.guider_motion()
    key = f"motion_modules.1.{written.INNER}.attention_blocks.1.pos_encoder.pe"
    weights[key] = weights[key] + 0.1 * torch.randn(weights[key].shape)
    torch.save(weights, source / "temporal/condition_encoder/model.bin")
    with pytest.raises(
        DataError, match=r"attention_blocks\.1\.pos_encoder\.pe of the guider is not the fixed"
    ):
        import_release(str(source), tmp_path / "run", options)


def with_base(tmp_path, options, base):
    """Options with a Stable Diffusion folder of the test's own, and that folder."""
    own = shutil.copytree(base, tmp_path / "pretrained/sd15")
    return replace(options, stable_diffusion=str(own)), own


@pytest.mark.parametrize("place", ["..", "."])
def test_the_empty_prompt_is_found_where_stable_diffusion_is(
    tmp_path, options, base, said, place, monkeypatch
):
    """Beside its folder or in it; without a text encoder to compute it."""
    options, folder = with_base(tmp_path, options, base)
    shutil.rmtree(folder / "text_encoder")
    torch.save(PROMPT.half(), folder / place / "empty_text_emb.pt")
    monkeypatch.chdir(tmp_path)
    made = Run.open(
        import_release(
            str(written.write(tmp_path / "release", dtype=torch.float16)),
            tmp_path / "run",
            replace(options, stable_diffusion=os.path.relpath(folder)),
            said,
        )
    )
    for part in ("denoiser", "reference_net"):
        prompt = made.load(part, PARTS[part]).empty_prompt
        assert prompt.dtype is torch.float32 and torch.equal(prompt, PROMPT.half().float())
    assert any("empty_text_emb.pt" in sentence for sentence in said.sentences)


def test_a_release_s_own_empty_prompt_goes_first(tmp_path, options, base):
    options, folder = with_base(tmp_path, options, base)
    torch.save(torch.zeros_like(PROMPT), folder.parent / "empty_text_emb.pt")
    source = written.write(tmp_path / "release")
    torch.save(PROMPT, source / "empty_text_emb.pt")
    made = Run.open(import_release(str(source), tmp_path / "run", options))
    assert torch.equal(made.load("denoiser", Denoiser).empty_prompt, PROMPT)


def test_an_empty_prompt_of_another_width_is_refused(tmp_path, options):
    source = written.write(tmp_path / "release")
    torch.save(PROMPT[..., :-1].clone(), source / "empty_text_emb.pt")
    with pytest.raises(
        DataError, match=f"has {written.PROMPT - 1} channels, and the U-Net reads {written.PROMPT}"
    ):
        import_release(str(source), tmp_path / "run", options)


def test_a_text_encoder_of_halves_computes_in_floats(tmp_path, options, base):
    _, folder = with_base(tmp_path, options, base)
    CLIPTextModel.from_pretrained(folder / "text_encoder").half().save_pretrained(folder / "text_encoder")
    prompt = pretrained.empty_prompt(str(folder))
    assert prompt.dtype is torch.float32
    assert not torch.equal(prompt, prompt.half().float())
    torch.testing.assert_close(prompt, pretrained.empty_prompt(str(base)), atol=0.01, rtol=0.01)
