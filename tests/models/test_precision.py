"""Networks stored in halves: what is learned is rounded, what is not stays whole."""

from __future__ import annotations

import torch
from signvip_denoisers.animatediff import Denoiser

from signvip.models.precision import halve, learned_names

SMALL = {"block_out_channels": (8, 16), "layers_per_block": 1, "attention_heads": 2, "norm_num_groups": 4}


def test_buffers_and_frozen_tables_survive_being_stored(tmp_path):
    torch.manual_seed(0)
    network = Denoiser(**SMALL, motion="temporal_attention", motion_heads=2, cross_attention_dim=8)
    network.empty_prompt.normal_()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    halve(network)
    network.save_pretrained(tmp_path)
    after, learned = Denoiser.from_pretrained(tmp_path).state_dict(), learned_names(network)
    tables = before.keys() - learned
    assert any(name.endswith("pos_embed.pe") for name in tables) and "empty_prompt" in tables
    for name, value in before.items():
        assert torch.equal(after[name], value.half().float() if name in learned else value)
