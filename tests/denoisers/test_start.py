"""Published weights into our networks, from small folders that stand for Stable Diffusion and AnimateDiff."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel
from signvip_denoisers.animatediff import AnimateDiff, Denoiser, ReferenceNet
from signvip_denoisers.animatediff.start import copy_unet
from small import small_config
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from signvip.config import load_config
from signvip.errors import ConfigError
from signvip.models.published import ORIGINS, read_published
from signvip.run import Run
from signvip.stages import train
from signvip.stages.start import published_vae

SIZES = {"block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}
TWO_LEVELS = {
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
}
OURS = {**SIZES, "attention_heads": 2, "motion_heads": 2, "attention_levels": (True, False)}


def unet(**changes) -> UNet2DConditionModel:
    torch.manual_seed(1)
    options = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": 2,
        "cross_attention_dim": 12,
    }
    return UNet2DConditionModel(**SIZES, **{**options, **changes})


def adapter(**changes) -> MotionAdapter:
    torch.manual_seed(2)
    options = {"motion_num_attention_heads": 2, "motion_norm_num_groups": 8, "motion_layers_per_block": 1}
    return MotionAdapter(block_out_channels=(16, 32), **{**options, **changes})


def save_text_encoder(folder: Path, width: int = 12) -> CLIPTextModel:
    (folder / "words").mkdir(parents=True)
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a": 2, "a</w>": 3}
    (folder / "words" / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "words" / "merges.txt").write_text("#version: 0.2\n")
    words = CLIPTokenizer(str(folder / "words" / "vocab.json"), str(folder / "words" / "merges.txt"))
    words.save_pretrained(folder / "tokenizer")
    sizes = {"hidden_size": width, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(3)
    model = CLIPTextModel(CLIPTextConfig(vocab_size=4, bos_token_id=0, eos_token_id=1, **sizes)).eval()
    model.save_pretrained(folder / "text_encoder")
    return model


def whole(**changes) -> AnimateDiff:
    """A denoiser of small U-Nets."""
    return AnimateDiff(AnimateDiff.Config(**{**OURS, "cross_attention_dim": 12, **changes}))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.parametrize("text", [12, None], ids=["text", "no text"])
def test_a_unet_starts_both_networks(tmp_path, said, text):
    published = unet()
    published.save_pretrained(tmp_path / "sd" / "unet")
    made = whole(cross_attention_dim=text)
    made.start({"unet": str(tmp_path / "sd")}, said.append)
    denoiser, reference_net = made.denoiser, made.reference_net
    weights = published.state_dict()
    for network in (denoiser, reference_net):
        assert all(torch.equal(value, weights[name]) for name, value in network.unet.state_dict().items())
        assert len(network.unet.state_dict()) > 50
    assert "ReferenceNet starts from" in said[1] and "no place there" in said[1]
    x, seen = torch.randn(1, 2, 4, 8, 8), reference_net(torch.randn(1, 4, 8, 8))
    assert denoiser(x, 3, None, seen).shape == x.shape
    if text:
        prompt = torch.zeros(1, 77, 12)
        assert torch.allclose(
            denoiser(x, 3)[0], published(x[0], 3, prompt.expand(2, -1, -1)).sample, atol=1e-5
        )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"block_out_channels": (16, 64)}, "another shape"),
        ({"norm_num_groups": 4}, "norm_num_groups"),
        ({"attention_head_dim": 4}, "attention_heads"),
        ({"down_block_types": ("CrossAttnDownBlock2D",) * 2}, "lacks"),
    ],
)
def test_a_unet_of_another_kind_is_refused(tmp_path, said, changes, complaint):
    published = UNet2DConditionModel(**{**unet().config, **changes})
    published.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=complaint):
        whole().start({"unet": str(tmp_path)}, said.append)


@pytest.mark.parametrize("theirs", [True, False], ids=["v2", "v1"])
@pytest.mark.parametrize("ours", [True, False], ids=["mid block", "no mid block"])
def test_motion_modules_find_their_places(tmp_path, said, theirs, ours):
    published = adapter(use_motion_mid_block=theirs)
    for value in published.parameters():
        torch.nn.init.normal_(value, std=0.1)
    published.save_pretrained(tmp_path)
    made = whole(cross_attention_dim=None, motion_mid_block=ours).with_motion()
    made.start({"motion": str(tmp_path)}, said.append)
    denoiser = made.denoiser
    weights = published.state_dict()
    motion = dict(denoiser.unet.named_parameters())
    motion = {name: value for name, value in motion.items() if "motion_modules" in name}
    fresh = {name: value for name, value in motion.items() if name not in weights}
    assert all(torch.equal(value, weights[name]) for name, value in motion.items() if name in weights)
    assert bool(fresh) == (ours and not theirs)
    assert all(not value.any() for name, value in fresh.items() if "proj_out" in name)
    assert ("mid block" in said[0]) == (ours != theirs)
    assert denoiser(torch.randn(1, 3, 4, 8, 8), 3).isfinite().all()


def test_motion_of_another_size_is_refused(tmp_path, said):
    adapter(motion_num_attention_heads=4).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="heads"):
        whole().with_motion().start({"motion": str(tmp_path)}, said.append)


def test_the_empty_prompt_is_embedded_for_both(tmp_path, said):
    model = save_text_encoder(tmp_path)
    made = whole()
    made.start({"text_encoder": str(tmp_path)}, said.append)
    denoiser, reference_net = made.denoiser, made.reference_net
    ids = torch.tensor([[0] + [1] * 76])
    wanted = model(ids)[0]
    assert torch.allclose(denoiser.empty_prompt, wanted, atol=1e-6) and denoiser.empty_prompt.any()
    assert torch.equal(denoiser.empty_prompt, reference_net.empty_prompt)


def test_a_prompt_of_another_width_is_refused(tmp_path, said):
    save_text_encoder(tmp_path, width=20)
    with pytest.raises(ConfigError, match="1x77x20"):
        whole().start({"text_encoder": str(tmp_path)}, said.append)


def test_a_vae_is_taken_as_it_is(tmp_path):
    options = {"block_out_channels": (16, 16), "norm_num_groups": 8}
    kinds = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
    }
    published = AutoencoderKL(**options, **kinds)
    published.save_pretrained(tmp_path)
    config = load_config("tiny", flags={"start": {"vae": str(tmp_path)}, "vae": options})
    vae = published_vae(config)
    assert all(torch.equal(value, published.state_dict()[name]) for name, value in vae.state_dict().items())
    with pytest.raises(ConfigError, match=r"block_out_channels=\[16, 16\]"):
        published_vae(load_config("tiny", flags={"start": {"vae": str(tmp_path)}}))


@pytest.mark.parametrize("part", ["unet", "motion", "vae", "text_encoder"])
def test_missing_weights_say_where_they_come_from(tmp_path, said, part):
    with pytest.raises(ConfigError) as complaint:
        read_published(part, str(tmp_path), UNet2DConditionModel)
    told, origin = str(complaint.value), ORIGINS[part]
    assert f"https://huggingface.co/{origin.hub}" in told and origin.size in told and origin.licence in told
    assert told.endswith(f"--set start.{part}=FOLDER.") and "\n" not in told


@pytest.mark.parametrize("preset", ["rwth", "how2sign", "rwth-release", "how2sign-release"])
def test_the_presets_name_the_papers_weights(preset):
    named = load_config(preset).start.model_dump()
    assert named.pop("run") is None
    assert named == {part: ORIGINS[part].hub for part in ("unet", "motion", "vae", "text_encoder")}


def test_stable_diffusion_fits_the_full_size():
    options = load_config("rwth").denoiser.options
    with torch.device("meta"):
        published = UNet2DConditionModel(cross_attention_dim=768)
        denoiser = Denoiser(**options)
        reference_net = ReferenceNet(**denoiser.unet_options)
        motion = MotionAdapter()
        video = Denoiser(**options, motion="temporal_attention")
    published.register_to_config(attention_head_dim=8)
    assert copy_unet(published, denoiser) == 0
    assert copy_unet(published, reference_net) > 0
    assert {name for name, _ in motion.named_parameters()} >= {
        name.removeprefix("unet.") for name, _ in video.named_parameters() if "motion_modules" in name
    }


def test_a_first_stage_starts_from_what_is_named(tmp_path, plain_shards):
    """Nothing of the U-Net is trained where it is frozen, so the run holds the published weights."""
    unet().save_pretrained(tmp_path / "sd" / "unet")
    text = save_text_encoder(tmp_path / "sd")
    adapter(use_motion_mid_block=False).save_pretrained(tmp_path / "motion")
    AutoencoderKL(block_out_channels=(16, 16), norm_num_groups=8, **TWO_LEVELS).save_pretrained(
        tmp_path / "vae"
    )
    named = {"unet": "sd", "text_encoder": "sd", "motion": "motion", "vae": "vae"}
    config = small_config(
        start={option: str(tmp_path / folder) for option, folder in named.items()},
        vae={"norm_num_groups": 8, "layers_per_block": 1, "mid_block_add_attention": True},
        denoiser={
            **SIZES, "attention_heads": 2, "motion_heads": 2, "cross_attention_dim": 12, "prompt_tokens": 77,
            "attention_levels": [True, False],
        },
        stage1={"denoiser": "frozen", "image": {"steps": 2, "warmup": 0}, "motion": {"steps": 1}},
    )  # fmt: skip
    run = Run.open(train(config, 1, shards=plain_shards, run=tmp_path / "run"))
    denoiser = run.load("denoiser", Denoiser)
    assert torch.equal(denoiser.unet.conv_in.weight, unet().conv_in.weight)
    assert denoiser.empty_prompt.shape == (1, 77, text.config.hidden_size) and denoiser.empty_prompt.any()
    assert not torch.equal(run.load("reference_net", ReferenceNet).unet.conv_in.weight, unet().conv_in.weight)
