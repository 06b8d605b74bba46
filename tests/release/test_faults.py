"""Releases that are damaged, incomplete, contradictory or no releases at all: one sentence, and nothing is written."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace

import pytest
import torch
import written
from diffusers import AutoencoderKL
from signvip_denoisers.animatediff import Denoiser

from signvip.errors import DataError
from signvip.models import TokenTranslator
from signvip.release import import_release
from signvip.run import Run


def test_a_strangers_key_is_named(tmp_path, options):
    source = written.write(tmp_path / "release")
    torch.save(
        {**written.autoencoder(), "vq.extra.weight": torch.ones(1)},
        source / "fsq/condition_encoder/model.bin",
    )
    with pytest.raises(DataError, match=r"autoencoder: 1 unexpected \(vq\.extra\.weight\)"):
        import_release(str(source), tmp_path / "run", options)


def test_another_shape_is_named(tmp_path, options):
    source = written.write(tmp_path / "release")
    weights = written.autoencoder()
    weights["vq.upsample_decoder.conv_out.weight"] = torch.ones(7, 32, 3, 3)
    torch.save(weights, source / "fsq/condition_encoder/model.bin")
    with pytest.raises(DataError, match=r"another shape, such as vq\.upsample_decoder\.conv_out\.weight"):
        import_release(str(source), tmp_path / "run", options)


def test_a_size_of_other_tokens_is_named(tmp_path, options):
    source = written.write(tmp_path / "release")
    with pytest.raises(DataError, match="makes 12 tokens a frame, but frames of 128x128 have 64"):
        import_release(str(source), tmp_path / "run", replace(options, settings=["size=[128,128]"]))


FILES = {
    "image/condition_encoder/model.bin": lambda: {**written.condition_encoder(), **written.guider()},
    "temporal/condition_encoder/model.bin": written.guider_motion,
    "fsq/condition_encoder/model.bin": written.autoencoder,
    "gpt/t2pgpt/model.bin": written.translator,
    "temporal/unet/model.bin": written.unet_motion,
}


def change(source, file, **changes):
    """Write a file of a release again with other tensors; None takes one out."""
    tensors = {**FILES[file](), **changes}
    torch.save({key: value for key, value in tensors.items() if value is not None}, source / file)


def test_every_missing_key_is_named_as_in_the_file(tmp_path, options, said):
    """Also those that sizes are read off; several parts at once."""
    lost = {
        "image/condition_encoder/model.bin": [
            "backbone.conv_in.weight",
            "gate_module.gate_layer.2.weight",
            "block_1_out_proj.bias",
        ],
        "temporal/condition_encoder/model.bin": [f"motion_modules.0.{written.INNER}.norms.1.bias"],
        "temporal/unet/model.bin": [f"up_blocks.1.motion_modules.2.{written.INNER}.ff.net.2.weight"],
        "fsq/condition_encoder/model.bin": [
            "vq.downsample_encoder.down.1.block.0.conv1.weight",
            "vq.upsample_decoder.mid.attn_1.qkv.bias",
        ],
        "gpt/t2pgpt/model.bin": [
            "trans_base.cond_emb.weight",
            "trans_base.tok_emb.weight",
            "trans_base.blocks.1.attn.query.weight",
            "trans_heads.11.ln_f.weight",
        ],
    }
    source = written.write(tmp_path / "release")
    for file, names in lost.items():
        change(source, file, **dict.fromkeys(names))
    with pytest.raises(DataError, match="translator: 4 missing"):
        import_release(str(source), tmp_path / "run", options, said)
    told = " ".join(said.sentences)
    assert all(key in told for names in lost.values() for key in names)
    assert sum(int(number) for number in re.findall(r": (\d+) missing", told)) == sum(map(len, lost.values()))
    assert not (tmp_path / "run").exists()


def test_a_lost_head_is_missed(tmp_path, options, said):
    """The mixer takes the tokens of twelve; every key is said, and the error names the first."""
    source = written.write(tmp_path / "release")
    lost = {key: None for key in written.translator() if key.startswith("trans_heads.11.")}
    change(source, "gpt/t2pgpt/model.bin", **lost)
    with pytest.raises(DataError, match=r"19 missing \(trans_heads\.11\."):
        import_release(str(source), tmp_path / "run", options, said)
    named = next(sentence for sentence in said.sentences if sentence.startswith("translator: 19 missing"))
    assert all(key in named for key in lost if not key.endswith("mask"))


def test_another_shape_of_one_layer_among_many_is_named(tmp_path, options):
    source, key = written.write(tmp_path / "release"), "trans_base.blocks.0.attn.query.weight"
    change(source, "gpt/t2pgpt/model.bin", **{key: torch.zeros(32, 31)})
    with pytest.raises(
        DataError, match=rf"1 tensors of the translator .* {re.escape(key)}: \(32, 31\) where"
    ):
        import_release(str(source), tmp_path / "run", options)


def test_tables_of_sines_may_be_missing(tmp_path, options, run):
    """They follow from the configuration; the mask still tells how many frames there are."""
    source = written.write(tmp_path / "release")
    change(
        source,
        "gpt/t2pgpt/model.bin",
        **{"trans_base.pos_embed.embed": None, "trans_base.pos_embedding": None},
    )
    places = {key: None for key in written.unet_motion() if key.endswith("pos_encoder.pe")}
    change(source, "temporal/unet/model.bin", **places)
    other = Run.open(import_release(str(source), tmp_path / "run", options))
    for part, cls in (("translator", TokenTranslator), ("denoiser", Denoiser)):
        ours, theirs = other.load(part, cls).state_dict(), run.load(part, cls).state_dict()
        assert all(torch.allclose(ours[key], value, atol=1e-6) for key, value in theirs.items())


def test_the_same_weights_twice_are_no_contradiction(tmp_path, options, base):
    """A VAE is published in two formats, with the text encoder of Stable Diffusion beside it."""
    source = written.write(tmp_path / "release")
    shutil.copy(source / "gpt/t2pgpt/model.bin", source / "copy.bin")
    shutil.copytree(base, source / "sd")
    AutoencoderKL.from_pretrained(base / "vae-ft").save_pretrained(
        source / "sd/vae-ft", safe_serialization=False
    )
    torch.save(torch.ones(1, 12, written.PROMPT), source / "empty_text_emb.pt")
    torch.save(torch.ones(5), source / "other.pt")
    own = replace(options, stable_diffusion=None, vae=None)
    made = Run.open(import_release(str(source), tmp_path / "run", own))
    assert made.load("denoiser", Denoiser).empty_prompt.unique().tolist() == [1.0]


class Code:
    def __reduce__(self):
        return (os.system, ("touch /tmp/never",))


def test_a_pickle_that_wants_to_run_code_is_not_opened(tmp_path, options):
    source = written.write(tmp_path / "release")
    torch.save({"vq": Code()}, source / "fsq/condition_encoder/model.bin")
    with pytest.raises(DataError, match="a pickle can run code"):
        import_release(str(source), tmp_path / "run", options)


@pytest.mark.parametrize(
    "name", ["gpt/t2pgpt/model.bin", "image/appearance_encoder/diffusion_pytorch_model.safetensors"]
)
def test_a_truncated_file_is_named(tmp_path, options, name):
    source = written.write(tmp_path / "release")
    whole = (source / name).read_bytes()
    (source / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=name):
        import_release(str(source), tmp_path / "run", options)


def test_two_files_of_one_part_are_named(tmp_path, options):
    source = written.write(tmp_path / "release")
    torch.save({key: value + 1 for key, value in written.translator().items()}, source / "model-2.bin")
    with pytest.raises(DataError, match="both hold the translator"):
        import_release(str(source), tmp_path / "run", options)


def test_a_folder_of_other_models_and_a_run_that_exists_are_refused(tmp_path, options, base):
    with pytest.raises(DataError, match="no weights of SignViP"):
        import_release(str(base / "text_encoder"), tmp_path / "run", options)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/keep.txt").write_text("mine")
    with pytest.raises(DataError, match="there already"):
        import_release(str(tmp_path), tmp_path / "run", options)


def test_missing_start_weights_say_where_they_come_from(tmp_path, options):
    source = written.write(tmp_path / "release")
    with pytest.raises(DataError, match=r"3\.4 GB, CreativeML OpenRAIL-M"):
        import_release(str(source), tmp_path / "run", replace(options, stable_diffusion=str(tmp_path)))
    with pytest.raises(DataError, match=r"0\.3 GB, MIT"):
        import_release(str(source), tmp_path / "run", replace(options, vae=str(tmp_path)))
