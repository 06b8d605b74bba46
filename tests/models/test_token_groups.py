"""Tokens by parts: crops lie where the body's tokens say, on both ways, and hands come back where they were."""

from __future__ import annotations

import pytest
import torch
from small import small_config

from signvip.errors import ConfigError, MismatchError
from signvip.footprint.parameters import count, meta_networks
from signvip.models import Autoencoder, BodyAndHands, ConditionEncoder
from signvip.models.networks import new_autoencoder
from signvip.models.token_groups import Windows

SMALL = {
    "embedding_channels": 6,
    "grid": (16, 12),
    "block_out_channels": (8, 8, 8),
    "hand_grid": (6, 4),
    "hand_channels": (8, 8),
    "norm_num_groups": 4,
}
BODY, HAND = 4 * 3, 3 * 2  # tokens


def small(**options) -> BodyAndHands:
    torch.manual_seed(0)
    return BodyAndHands(**{**SMALL, **options})


def heat(*places):
    """Logits (1, 2, 16, 12) of maps with all their weight on the cells (row, column) of the two hands."""
    where = torch.full((1, 2, 16, 12), -50.0)
    for hand, (row, column) in enumerate(places):
        where[0, hand, row, column] = 50.0
    return where


def looking_at(model, *places):
    """Have a model see the hands at these cells of every frame."""
    model.where = lambda body: heat(*places).expand(len(body), -1, -1, -1)
    return model


def test_a_frame_has_tokens_of_the_body_and_of_each_hand():
    rebuilt, quantized = small()(torch.randn(2, 6, 16, 12))
    assert rebuilt.shape == (2, 6, 16, 12)
    assert quantized.tokens.shape == (2, BODY + 2 * HAND) and quantized.codes.shape == (2, 4, BODY + 2 * HAND)
    assert quantized.where.shape == (2, 2, 16, 12) and quantized.where.dtype == torch.float32
    assert small().tokens_per_frame == BODY + 2 * HAND


@pytest.mark.parametrize("quantizer", ["fsq", "vq"])
def test_decoding_tokens_equals_reconstructing(quantizer):
    """From the tokens alone: places are read from what the body's decode to, when tokens are made and when read."""
    model = small(quantizer=quantizer).eval()
    e = 3 * torch.randn(8, 6, 16, 12)
    with torch.no_grad():
        model.place[2].weight.mul_(100)  # sharp maps, which are elsewhere in each frame
        rebuilt, quantized = model(e)
        rows = Windows.around(quantized.where, (6, 4)).rows.float().argmax(-1)[:, 0, 0]
        assert len(set(rows.tolist())) > 1
        assert torch.equal(model.encode(e).tokens, quantized.tokens)
        torch.testing.assert_close(model.decode(quantized.tokens), rebuilt)
        torch.testing.assert_close(model.decode_frames(quantized.tokens, chunk=3), rebuilt)


def test_crops_are_about_their_hands_and_never_out_of_the_picture():
    e = torch.arange(16 * 12.0).view(1, 1, 16, 12)
    crops = Windows.around(heat((8, 5), (0, 11)), (6, 4)).crop(e)
    assert torch.equal(crops[0, 0], e[0, :, 6:12, 4:8])  # the middle of cell 8 is 8.5: from 5.5, to even
    assert torch.equal(crops[0, 1], e[0, :, 0:6, 8:12])
    corner = Windows.around(heat((15, 0), (15, 0)), (6, 4)).crop(e)
    assert torch.equal(corner[0, 0], e[0, :, 10:16, 0:4])


def test_hands_come_back_where_they_were_cut_out_with_half_of_the_body_at_the_rim():
    windows = Windows.around(heat((8, 5), (2, 10)), (6, 4))
    body, hands = (
        torch.zeros(1, 1, 16, 12),
        torch.ones(1, 2, 1, 6, 4) * torch.tensor([2.0, 4.0])[:, None, None, None],
    )
    found = windows.paste(body, hands)[0, 0]
    assert (found[7:11, 5:7] == 2).all() and (found[6, 4:8] == 1).all() and (found[6:12, 7] == 1).all()
    assert (found[1:5, 9:11] == 4).all() and (found[0, 8:12] == 2).all()
    assert (found[:, 0:4] == 0).all() and (found[12:] == 0).all()


def test_two_hands_that_touch_share_their_cells():
    """Each is right about its own crop: where they overlap the mean of both stands, and of the body nothing."""
    windows = Windows.around(heat((8, 5), (8, 5)), (6, 4))
    hands = torch.ones(1, 2, 1, 6, 4) * torch.tensor([2.0, 4.0])[:, None, None, None]
    found = windows.paste(torch.full((1, 1, 16, 12), 100.0), hands)[0, 0]
    assert (found[6:12, 4:8] == 3).all() and (found[:6] == 100).all()


def test_what_is_pasted_is_what_was_cropped():
    windows, e = Windows.around(heat((8, 5), (10, 7)), (6, 4)), torch.randn(1, 3, 16, 12)
    torch.testing.assert_close(windows.paste(e, windows.crop(e)), e)


def test_both_hands_are_seen_by_one_encoder():
    """The same cells at another place, in the other hand, have the same tokens."""
    model = looking_at(small().eval(), (3, 3), (11, 8))
    e = torch.randn(1, 6, 16, 12)
    e[:, :, 8:14, 6:10] = e[:, :, 0:6, 2:6]
    left, right = model.encode(e).tokens[0, BODY:].split(HAND)
    assert torch.equal(left, right)


def test_tokens_are_the_bodys_then_the_left_hands_then_the_rights():
    model = looking_at(small().eval(), (3, 3), (11, 8))
    e = torch.randn(2, 6, 16, 12)
    plain = model.encode(e).tokens
    for hand, rows, columns in ((0, slice(0, 6), slice(2, 6)), (1, slice(8, 14), slice(6, 10))):
        other = e.clone()
        other[:, :, rows, columns] = torch.randn(2, 6, 6, 4)
        changed = (model.encode(other).tokens != plain)[:, BODY:].unflatten(1, (2, HAND)).any(-1)
        assert changed[:, hand].all() and not changed[:, 1 - hand].any()
    assert torch.equal(plain[:, :BODY], model.body.encode(e).tokens.flatten(1))


def test_the_gradient_reaches_every_weight():
    model = small()
    rebuilt, quantized = model(torch.randn(4, 6, 16, 12))
    (rebuilt.square().mean() + quantized.where.square().mean()).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_statistics_count_for_body_and_hands():
    model, e = small().eval(), torch.randn(4, 6, 16, 12)
    model.set_statistics(torch.zeros(6), torch.ones(6))
    looking_at(model, (3, 3), (11, 8))
    plain, rebuilt = model.encode(e).tokens, model(e)[0]
    model.set_statistics(torch.full((6,), 5.0), torch.full((6,), 9.0))
    moved = 9 * e + 5
    torch.testing.assert_close(model.standardise(moved), e)
    assert (model.encode(moved).tokens == plain).float().mean() > 0.99
    torch.testing.assert_close(model(moved)[0], 9 * rebuilt + 5, rtol=1e-2, atol=5e-2)


def test_a_saved_model_gives_the_same_tokens_and_embeddings(tmp_path):
    model = small(quantizer="vq").eval()
    model.save_pretrained(tmp_path)
    again, e = BodyAndHands.from_pretrained(tmp_path).eval(), torch.randn(3, 6, 16, 12)
    tokens = model.encode(e).tokens
    assert torch.equal(again.encode(e).tokens, tokens)
    assert torch.equal(again.decode_frames(tokens), model.decode_frames(tokens))


def test_bfloat16_weights_place_hands_in_float32():
    model = small().to(torch.bfloat16)
    rebuilt, quantized = model(torch.randn(2, 6, 16, 12))
    assert quantized.where.dtype == torch.float32
    torch.testing.assert_close(model.decode(quantized.tokens), rebuilt)


def test_other_tokens_and_crops_that_do_not_fit_are_refused():
    with pytest.raises(
        MismatchError, match="do not have 24 to a frame; make them again with: signvip tokenize"
    ):
        small().decode_frames(torch.zeros(2, 16, dtype=torch.long))
    with pytest.raises(
        ConfigError, match=r"Crops of 6x13 cells .* 16x12; make autoencoder.hand_grid smaller"
    ):
        small(hand_grid=(6, 13))


GROUPED = {"groups": "body+hands", "hand_grid": [8, 8], "hand_channels": [8, 8], "tokens": [2, 3]}


def test_a_run_chooses_groups_by_an_option_of_its_autoencoder():
    config = small_config(autoencoder=GROUPED)
    encoder = ConditionEncoder(num_conditions=2, **config.condition_encoder)
    model = new_autoencoder(config, encoder)
    assert isinstance(model, BodyAndHands) and model.tokens_per_frame == 2 * 3 + 2 * 16
    assert model.digits == tuple(config.quantizer.options["levels"]) and model.cells == (16, 16)
    assert isinstance(new_autoencoder(small_config(), encoder), Autoencoder)
    with pytest.raises(ConfigError, match=r"autoencoder\.groups='hands'; choose one of frame, body\+hands"):
        new_autoencoder(small_config(autoencoder={"groups": "hands"}), encoder)


def test_what_generate_reads_of_it_is_all_but_the_encoders():
    config = small_config(autoencoder=GROUPED)
    networks = meta_networks(config)
    whole, read = networks.autoencoder, networks.generating()["decoder"]
    assert count(read) == count(whole) - count(whole.body.encoder) - count(whole.hand.encoder)
