"""The learned codebook: look-up, start, restart of dead codes, and what is saved."""

from __future__ import annotations

import pytest
import torch
from signvip_quantizers.vq import VectorQuantizer

import signvip
from signvip.errors import MismatchError


def build(**options) -> VectorQuantizer:
    return signvip.build("quantizer", "vq", **{"codebook_size": 20, "codebook_dim": 3, **options})


def random_z(*, batch: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_has_as_many_codes_as_fsq_by_default():
    vq = signvip.build("quantizer", "vq")
    assert (vq.dim, vq.vocab_size) == (4, 625)


@pytest.mark.parametrize("kmeans", [True, False])
def test_picks_the_nearest_vector_of_the_codebook(kmeans):
    torch.manual_seed(0)
    vq = build(kmeans_init=kmeans)
    vq(random_z())
    vq.eval()
    z = random_z(seed=1)
    quantized = vq(z)
    distances = torch.cdist(z.movedim(1, -1).reshape(-1, 3), vq.vq.codebook)
    assert torch.equal(quantized.tokens.flatten(), distances.argmin(1))
    assert torch.equal(quantized.codes, vq.decode(quantized.tokens))
    assert torch.equal(vq(vq.decode(quantized.tokens)).tokens, quantized.tokens)


def test_the_codebook_follows_the_encoder_by_as_much_as_its_decay_leaves():
    moved = []
    for decay in (0.99, 0.5):
        torch.manual_seed(0)
        vq = build(decay=decay, threshold_ema_dead_code=0)
        vq(random_z())
        before = vq.vq.codebook.clone()
        vq(random_z(seed=1) + 1)
        moved.append(float((vq.vq.codebook - before).abs().mean()))
    assert 0 < 5 * moved[0] < moved[1]


@pytest.mark.parametrize("gradient", ["straight_through", "rotation"])
@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_reaches_z(gradient, training):
    vq = build(gradient=gradient).train(training)
    z = random_z().requires_grad_()
    vq(z).codes.square().sum().backward()
    assert z.grad.abs().sum() > 0


def test_evaluation_changes_nothing():
    vq = build().eval()
    before = {name: value.clone() for name, value in vq.state_dict().items()}
    vq(random_z())
    assert all(torch.equal(value, before[name]) for name, value in vq.state_dict().items())


def test_k_means_waits_until_the_first_batches_have_a_vector_for_each_code():
    torch.manual_seed(0)
    vq = build(threshold_ema_dead_code=0, decay=0.999)
    first, second = random_z(batch=1) + 5, random_z(batch=1, seed=1) - 5  # 16 vectors each for 20 codes
    vq(first)
    assert not vq.started and int(vq.kept) == 16
    vq(second)
    assert vq.started and not vq.waiting.any()
    near = torch.cdist(vq.vq.codebook, torch.tensor([[5.0] * 3, [-5.0] * 3])).argmin(1)
    assert set(near.tolist()) == {0, 1}  # codes among the vectors of both batches
    assert len(vq.vq.codebook.unique(dim=0)) == 20


def test_what_waits_for_k_means_is_saved():
    torch.manual_seed(0)
    vq, other = build(), build()
    vq(random_z(batch=1))
    other.load_state_dict(vq.state_dict())
    torch.manual_seed(1)
    tokens = vq(random_z(seed=1)).tokens
    torch.manual_seed(1)
    assert torch.equal(other(random_z(seed=1)).tokens, tokens)


def test_k_means_starts_closer_to_the_data_than_chance():
    def error(**options) -> float:
        torch.manual_seed(0)
        vq = build(threshold_ema_dead_code=0, **options)
        z = random_z(batch=16) + 5
        vq(z)
        return float((vq.eval()(z).codes - z).square().mean())

    assert error(kmeans_init=True) < 0.5 * error(kmeans_init=False)


def test_dead_codes_are_restarted_only_where_asked():
    def used(threshold: int) -> int:
        torch.manual_seed(0)
        vq = build(kmeans_init=False, threshold_ema_dead_code=threshold, decay=0.5)
        for seed in range(20):
            vq(random_z(seed=seed) + 5)
        return len(vq.eval()(random_z(batch=32, seed=99) + 5).tokens.unique())

    assert used(1) > 10 > used(0)


def test_the_codebook_moves_in_training_and_the_commitment_loss_pulls_z():
    torch.manual_seed(0)
    vq = build(commitment_weight=0.5)
    z = random_z().requires_grad_()
    quantized = vq(z)
    assert float(quantized.loss.detach()) > 0
    quantized.loss.backward()
    assert z.grad.abs().sum() > 0
    assert float(vq.eval()(z).loss.detach()) == 0


def test_quantizes_in_float32_under_autocast():
    vq = build().eval()
    with torch.autocast("cpu", torch.bfloat16):
        inside = vq(random_z())
    assert torch.equal(inside.tokens, vq(random_z()).tokens)


def test_weights_come_back_from_a_file(tmp_path):
    torch.manual_seed(0)
    vq, other = build(), build()
    vq(random_z())
    torch.save(vq.state_dict(), tmp_path / "vq.pt")
    other.load_state_dict(torch.load(tmp_path / "vq.pt", weights_only=True))
    assert torch.equal(vq.eval()(random_z()).tokens, other.eval()(random_z()).tokens) and other.started


@pytest.mark.parametrize("token", [-1, 20])
def test_a_token_outside_the_codebook_is_refused(token):
    with pytest.raises(MismatchError, match="outside the 20 codes"):
        build().decode(torch.tensor([[[token]]]))


def test_the_loss_is_the_weighted_distance_to_the_nearest_code():
    """Commitment alone: the codebook itself learns from moving averages and gets no gradient."""
    torch.manual_seed(0)
    vq = build(commitment_weight=0.5, kmeans_init=False, threshold_ema_dead_code=0)
    vq.requires_grad_()
    codebook, z = vq.vq.codebook.clone(), random_z().requires_grad_()
    loss = vq(z).loss
    nearest = torch.cdist(z.movedim(1, -1).reshape(-1, 3), codebook).min(1).values
    torch.testing.assert_close(loss, 0.5 * nearest.square().mean() / 3)
    loss.backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in vq.parameters())


def test_a_code_follows_the_vectors_that_choose_it():
    torch.manual_seed(0)
    vq = build(kmeans_init=False, threshold_ema_dead_code=0, decay=0.5)
    z = random_z()
    for _ in range(40):
        tokens = vq(z).tokens.flatten()
    vectors, codebook = z.movedim(1, -1).reshape(-1, 3), vq.vq.codebook
    for token in tokens.unique():
        torch.testing.assert_close(codebook[token], vectors[tokens == token].mean(0), rtol=1e-2, atol=1e-2)
