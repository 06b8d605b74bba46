"""What FSDP2 gives each process a share of, one block at a time: by name, at full size, on the meta device."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from accelerate.utils.fsdp_utils import fsdp2_prepare_auto_wrap_policy
from signvip_denoisers.animatediff import Guider
from signvip_denoisers.animatediff.unets import TemporalTransformer
from signvip_translators.mixer import TokenMixer
from signvip_translators.parallel_heads import ParallelHeads

from signvip.config import load_config
from signvip.models import ConditionEncoder
from signvip.stages.rehearsal import Rehearsal
from signvip.training.fsdp import blocks_of, choose_blocks

PHASES = ("vae", "image", "motion", "tokens", "text")


@pytest.fixture(scope="module")
def modules():
    """What each phase of the paper's system trains, with shapes and no memory."""
    rehearsal = Rehearsal(load_config("rwth"))
    return {
        "vae": rehearsal.vae,
        "image": rehearsal.image.nets,
        "motion": rehearsal.motion.nets,
        "tokens": rehearsal.moving.autoencoder,
        "text": rehearsal.moving.translator,
    }


@pytest.mark.parametrize("phase", PHASES)
def test_nearly_all_that_trains_is_in_a_block(modules, phase):
    inside = {weight for _, block in blocks_of(modules[phase]) for weight in block.parameters()}
    trained = [weight for weight in modules[phase].parameters() if weight.requires_grad]
    share = sum(w.numel() for w in trained if w in inside) / sum(w.numel() for w in trained)
    assert share == 1 if phase == "motion" else share > 0.97


@pytest.mark.parametrize("phase", PHASES)
def test_accelerate_wraps_these_blocks_and_no_others(modules, phase):
    plugin = SimpleNamespace()
    choose_blocks(plugin, modules[phase])
    wraps = fsdp2_prepare_auto_wrap_policy(plugin, modules[phase])
    wrapped = [name for name, part in modules[phase].named_modules() if name and wraps(part)]
    assert wrapped == [name for name, _ in blocks_of(modules[phase])]


def test_each_stage_has_blocks_of_its_own(modules):
    def kinds(phase: str) -> set[type]:
        return {type(block) for _, block in blocks_of(modules[phase])}

    assert {ConditionEncoder, Guider} < kinds("image") and TemporalTransformer in kinds("motion")
    assert {TokenMixer, ParallelHeads} < kinds("text")
    names = [name for name, _ in blocks_of(modules["motion"])]
    assert sum(name.endswith("temporal_transformer") or "motion_modules" in name for name in names) > 20


def test_no_block_takes_or_gives_features_by_a_dictionary(modules):
    """FSDP2 copies dictionaries, and the notes of a ReferenceNet would be lost."""
    names = [name for name, _ in blocks_of(modules["image"])]
    assert not [name for name in names if name.endswith(("attn1", "attn2", "transformer_blocks.0"))]
