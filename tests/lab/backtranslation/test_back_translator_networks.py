"""Pictures, keypoints and features: shapes, what is not seen, and that neighbours in a batch change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from signvip_lab.backtranslation.config import TranslatorSizes
from signvip_lab.backtranslation.networks import (
    FeatureScale,
    FrameNet,
    PoseReader,
    SignTranslator,
    build_network,
)
from signvip_lab.backtranslation.poses import normalise
from signvip_lab.backtranslation.vocabulary import build_tokenizer

SIZES = TranslatorSizes(width=16, layers=1, heads=2, feedforward=32, max_words=8)


@pytest.fixture
def tokenizer():
    return build_tokenizer(["a b c d e"], ["en"])


def test_pictures_of_another_size_are_resized_and_bytes_are_read():
    net = FrameNet((16, 16), (8, 8), 12).eval()
    pictures = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    large = pictures.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert net(pictures).shape == net(large).shape == (3, 12)
    assert not torch.allclose(net(pictures[:1]), net(pictures[1:2]))


def test_a_pose_reader_knows_what_training_did_not_see():
    reader = PoseReader((16, 16), (8, 8), 12).eval()
    keypoints = torch.rand(40, 128, 3)
    keypoints[..., 2] = 1.0
    keypoints[:, 9, 2] = 0.0
    reader.fit(keypoints)
    read = reader.read(torch.zeros(5, 3, 16, 16, dtype=torch.uint8))
    assert read.shape == (5, 128, 3)
    assert read[:, 9, 2].max() == 0 and read[:, 8, 2].min() == 1
    assert torch.allclose(reader.mean[8], keypoints[:, 8, :2].mean(0), atol=1e-5)


def test_poses_say_nothing_of_where_the_signer_stands_or_how_large_they_are():
    keypoints = np.random.default_rng(0).uniform(0.2, 0.6, (7, 128, 3))
    keypoints[..., 2] = 1.0
    moved = keypoints.copy()
    moved[..., :2] = moved[..., :2] * 1.3 + (0.1, 0.05)
    np.testing.assert_allclose(normalise(keypoints, (64, 64)), normalise(moved, (64, 64)), atol=1e-4)
    wide = keypoints.copy()
    wide[..., 0] /= 2  # the same signer in a picture of twice the width
    np.testing.assert_allclose(normalise(keypoints, (64, 64)), normalise(wide, (64, 128)), atol=1e-4)


def test_points_that_are_not_seen_become_the_mean():
    keypoints = np.random.default_rng(0).uniform(0.2, 0.6, (7, 128, 3))
    keypoints[..., 2] = 1.0
    keypoints[3, 100, 2] = 0.1
    features = normalise(keypoints, (64, 64))
    assert np.isnan(features[3, 200:202]).all() and np.isnan(features).sum() == 2
    scale = FeatureScale(features.shape[1])
    scale.fit(torch.from_numpy(features))
    scaled = scale(torch.from_numpy(features))
    assert scaled[3, 200] == 0 and torch.allclose(scaled.mean(0), torch.zeros(256), atol=0.3)
    keypoints[:, 1, 2] = 0
    assert np.isnan(normalise(keypoints, (64, 64))).all()  # nobody knows where this signer stands


def test_a_clip_reads_the_same_alone_and_in_a_batch(tokenizer):
    torch.manual_seed(0)
    module = SignTranslator(FeatureScale(6), build_network(SIZES, 6, tokenizer)).eval()
    clips = [torch.randn(frames, 6) * 3 for frames in (9, 4, 12)]
    together = module.write(
        torch.cat(clips), torch.tensor([9, 4, 12]), ["en"] * 3, tokenizer, beams=2, max_words=8
    )
    alone = [module.write(c, torch.tensor([len(c)]), ["en"], tokenizer, 2, 8)[0] for c in clips]
    assert together == alone
    features, mask = module.features(torch.cat(clips), torch.tensor([9, 4, 12]))
    assert features.shape == (3, 12, 6) and mask.sum(1).tolist() == [9, 4, 12]


def test_order_matters_to_the_translator(tokenizer):
    """Speech2Text has no positions where padding is token 0: the same frames in another order must differ."""
    torch.manual_seed(0)
    module = SignTranslator(FeatureScale(6), build_network(SIZES, 6, tokenizer)).eval()
    features, mask = module.features(torch.randn(20, 6), torch.tensor([20]))
    one, two = (
        module.network.model.encoder(f, attention_mask=mask).last_hidden_state.mean(1)
        for f in (features, torch.cat([features[:, 10:], features[:, :10]], dim=1))
    )
    assert (one - two).abs().max() > 1e-3
