from __future__ import annotations

import pytest
import torch

from signvip.models.condition_encoder import ConditionEncoder


def encoder(conditions: int = 2) -> ConditionEncoder:
    torch.manual_seed(0)
    return ConditionEncoder(num_conditions=conditions, channels=(4, 8, 8), gate_channels=4)


@pytest.mark.parametrize("conditions", [1, 2, 3])
def test_shape_for_any_number_of_conditions(conditions):
    net = encoder(conditions)
    e = net(torch.randn(2, conditions * 3, 32, 24))
    assert e.shape == (2, net.embedding_channels, 8, 6) == (2, conditions * 8, 8, 6)
    assert net.factor == 4


def test_conditions_meet_only_in_the_gate():
    net = encoder(2)
    images = torch.randn(1, 6, 16, 16)
    changed = images.clone()
    changed[:, 3:] += 1
    before, after = net.backbone(images), net.backbone(changed)
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.equal(before[:, 8:], after[:, 8:])
    assert not torch.equal(net(images)[:, :8], net(changed)[:, :8])


def test_gate_is_one_map_per_condition():
    net = encoder(2)
    images = torch.randn(1, 6, 16, 16)
    weights = net(images) / net.backbone(images)
    assert torch.allclose(weights[:, :1].expand(-1, 8, -1, -1), weights[:, :8], atol=1e-4)
    assert torch.allclose(weights[:, 8:9].expand(-1, 8, -1, -1), weights[:, 8:], atol=1e-4)
    assert ((weights > 0) & (weights < 1)).all()


def test_paper_size_makes_512_channels_of_an_eighth():
    net = ConditionEncoder()
    assert net(torch.randn(1, 6, 272, 224)).shape == (1, 512, 34, 28)
    assert sum(p.numel() for p in net.backbone.parameters()) == pytest.approx(0.698e6, rel=1e-3)
    assert sum(p.numel() for p in net.gate.parameters()) == pytest.approx(0.603e6, rel=1e-3)


def test_saves_and_loads(tmp_path):
    net = encoder()
    net.save_pretrained(tmp_path)
    again = ConditionEncoder.from_pretrained(tmp_path)
    images = torch.randn(1, 6, 16, 16)
    assert torch.equal(net(images), again(images))


def test_without_a_gate_and_with_one_more_convolution_it_is_the_papers():
    net = ConditionEncoder(channels=(4, 8, 8, 8), last_convolutions=1, weighting="none")
    convolutions = [layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) == 8  # appendix B
    images = torch.randn(1, 6, 32, 24)
    torch.testing.assert_close(net(images), net.backbone(images))
    assert net(images).shape == (1, 16, 4, 3) and net(images).is_contiguous()
