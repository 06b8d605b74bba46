from __future__ import annotations

import math

import pytest
import torch
from reference import TheirDecoding, UncachedDecoding
from signvip_translators.frame_loop import Chooser, decode
from signvip_translators.gpt2 import CachedDecoding
from signvip_translators.trunk import sinusoids
from torch.nn import functional

from signvip.errors import ConfigError, DataError

TEXTS = ["rain", "strong wind and rain in the north", "tomorrow snow"]


def tokens(batch, frames, seed=0):
    return torch.randint(30, (batch, frames, 4), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("prefix", ["tokens", "sentence"])
@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
@pytest.mark.parametrize("encoder", ["hashed", "bytes"])
def test_a_text_in_a_batch_gives_the_same_as_alone(build, prefix, positions, encoder):
    model, frames = build(prefix=prefix, positions=positions, text_encoder=encoder), tokens(3, 7)
    together = model.logits(TEXTS, frames)
    for row, text in enumerate(TEXTS):
        alone = model.logits([text], frames[row : row + 1])
        torch.testing.assert_close(together[:, row : row + 1], alone, atol=1e-4, rtol=1e-4)


def test_fixed_positions_are_sines_and_cosines_by_turns_and_are_not_trained(build):
    """As in the authors' code: channel 2 i is the sine of place / 10000^(2 i / C), and 2 i + 1 its cosine."""
    places, width = 40, 6
    wave = [math.sin, math.cos]
    written = [
        [wave[c % 2](place / 10000 ** ((c - c % 2) / width)) for c in range(width)] for place in range(places)
    ]
    torch.testing.assert_close(sinusoids(places, width), torch.tensor(written), atol=1e-4, rtol=0)
    assert not build(positions="sinusoidal").trunk.wpe.weight.requires_grad


@pytest.mark.parametrize("prefix", ["tokens", "sentence"])
def test_the_text_and_every_earlier_token_matter_and_no_later_one(build, prefix):
    model, frames = build(prefix=prefix), tokens(1, 5)
    logits = model.logits(TEXTS[:1], frames)
    assert (logits - model.logits(TEXTS[1:2], frames)).abs().amax(dim=(0, 1, 3)).min() > 1e-3
    for head in range(4):
        changed = frames.clone()
        changed[0, 2, head] = (changed[0, 2, head] + 1) % 30
        difference = (logits - model.logits(TEXTS[:1], changed)).abs().amax(dim=(0, 1, 3))
        assert difference[:3].max() == 0 and difference[3:].min() > 1e-4


def test_the_cache_changes_nothing(build):
    model = build()
    cached, plain = CachedDecoding(model, TEXTS, None), UncachedDecoding(model, TEXTS)
    torch.testing.assert_close(cached.start(), plain.start(), atol=1e-4, rtol=1e-4)
    for step in range(6):
        frame = tokens(3, 1, seed=step)[:, 0]
        torch.testing.assert_close(cached.step(frame), plain.step(frame), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("release", [False, True], ids=["paper", "release"])
def test_a_text_gives_what_the_authors_decoding_gives(build, release):
    """One layer after another and one head after another, with weights and caches as their code keeps them."""
    model = build(**(RELEASE if release else {}))
    with torch.no_grad():
        ours, theirs = CachedDecoding(model, TEXTS[1:2], None), TheirDecoding(model, TEXTS[1:2])
        torch.testing.assert_close(ours.start(), theirs.start(), atol=1e-4, rtol=1e-4)
        for step in range(6):
            frame = tokens(1, 1, seed=step)[:, 0]
            torch.testing.assert_close(ours.step(frame), theirs.step(frame), atol=1e-4, rtol=1e-4)


def test_a_clip_made_between_two_steps_of_training_leaves_the_second_as_it_is(build):
    def losses(made):
        model, lengths = build(dropout=0.0, sampling_rate=0.0), torch.tensor([4])
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        for step in range(2):
            model.train()
            loss, _ = model.loss(["rain"], tokens(1, 4), lengths)
            yield loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if made and step == 0:
                model.eval().generate(["rain"], max_frames=3)
        yield model.loss(["rain"], tokens(1, 4), lengths)[0].item()

    assert list(losses(made=True)) == list(losses(made=False))


def test_generated_tokens_are_those_of_decoding_without_cache(build):
    model = build(eos_rule="majority")
    with torch.no_grad():
        slow = decode(UncachedDecoding(model, TEXTS), Chooser(0, None), "majority", 12)
    for ours, expected in zip(model.generate(TEXTS, max_frames=12), slow, strict=True):
        assert torch.equal(ours, expected)


def test_the_loss_is_equation_7_with_the_eos_frame_and_without_padding(build):
    model, lengths = build(), torch.tensor([3, 5])
    frames = tokens(2, 5)
    frames[0, 3:] = 77  # padding may hold anything
    loss, values = model.loss(TEXTS[:2], frames, lengths)
    entropies, right = [], []
    for row, length in enumerate(lengths.tolist()):
        clip = frames[row : row + 1, :length]
        targets = torch.cat([clip[0], torch.full((1, 4), 30)])  # (F + 1, N)
        logits = model.logits([TEXTS[row]], clip)[:, 0].transpose(0, 1)  # (F + 1, N, V + 1)
        entropies.append(functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none"))
        right.append((logits.argmax(-1) == targets).float())
    torch.testing.assert_close(loss, torch.cat(entropies).mean())
    assert values["eos_accuracy"] == pytest.approx(float(torch.stack([r[-1] for r in right]).mean()))
    assert values["token_accuracy"] == pytest.approx(
        float(torch.cat([r[:-1] for r in right]).mean()), abs=1e-6
    )


def test_a_clip_that_was_cut_teaches_no_end(build):
    model, lengths = build(), torch.tensor([3, 5])
    frames, ended = tokens(2, 5), torch.tensor([True, False])
    loss, values = model.loss(TEXTS[:2], frames, lengths, ended=ended)
    entropies = []
    for row, length in enumerate(lengths.tolist()):
        clip = frames[row : row + 1, :length]
        targets = torch.cat([clip[0], torch.full((1, 4), 30)])[: length + int(ended[row])]
        logits = model.logits([TEXTS[row]], clip)[:, 0].transpose(0, 1)[: len(targets)]
        entropies.append(functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none"))
    torch.testing.assert_close(loss, torch.cat(entropies).mean())
    nobody_ends = model.loss(TEXTS[:2], frames, lengths, ended=torch.zeros(2, dtype=torch.bool))[1]
    assert float(nobody_ends["eos_accuracy"]) == 0 and 0 <= float(values["eos_accuracy"]) <= 1


def test_scheduled_sampling_replaces_inputs_in_training_alone(build):
    model, lengths = build(sampling_rate=1.0, dropout=0.0), torch.tensor([4])
    evaluated = [model.loss(["rain"], tokens(1, 4), lengths)[0] for _ in range(2)]
    assert evaluated[0] == evaluated[1]
    model.train()
    assert len({model.loss(["rain"], tokens(1, 4), lengths)[0].item() for _ in range(3)}) == 3
    model.options = model.options.model_copy(update={"sampling_rate": 0.0})
    assert model.loss(["rain"], tokens(1, 4), lengths)[0].item() == pytest.approx(
        evaluated[0].item(), abs=1e-5
    )


def test_every_trained_weight_gets_a_gradient(build):
    model = build(languages=("qaa", "qab")).train()
    model.loss(TEXTS, tokens(3, 6), torch.tensor([6, 2, 4]), ["qaa", "qab", "qaa"])[0].backward()
    assert [
        name for name, value in model.named_parameters() if value.requires_grad and value.grad is None
    ] == []


@pytest.mark.parametrize("prefix", ["tokens", "sentence"])
def test_frames_are_generated_by_what_they_are_trained_on(build, prefix):
    """A sentence too, whose one state transformers would take for a sequence of its own."""
    model = build(prefix=prefix).eval()
    frames = tokens(1, 5)
    decoding = CachedDecoding(model, TEXTS[:1], None)
    stepwise = [decoding.start(), *(decoding.step(frame) for frame in frames.unbind(1))]
    trained = model.logits(TEXTS[:1], frames)[..., : model.vocab_size + 1]
    torch.testing.assert_close(torch.stack(stepwise).permute(2, 1, 0, 3), trained, atol=1e-4, rtol=1e-4)


def test_it_learns_two_sentences_by_heart_and_says_when_they_end(build):
    model = build(dropout=0.0).train()
    clips = {"rain in the north": tokens(1, 5, 1)[0], "snow tomorrow": tokens(1, 9, 2)[0]}
    padded = torch.nn.utils.rnn.pad_sequence(list(clips.values()), batch_first=True)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(80):
        optimizer.zero_grad()
        model.loss(list(clips), padded, torch.tensor([5, 9]))[0].backward()
        optimizer.step()
    made = model.generate(["Snow, tomorrow!", "Rain in the NORTH."], max_frames=24)
    assert [clip.tolist() for clip in made] == [
        clips["snow tomorrow"].tolist(),
        clips["rain in the north"].tolist(),
    ]
    assert model.training  # generating left the mode as it was


def test_a_text_with_a_generator_of_its_own_is_sampled_as_alone_and_leaves_it_as_alone(build):
    model = build(eos_rule="any")
    model.heads.classify.bias.data[..., -1] += 1  # so that texts end, and not together

    def sample(texts, seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        made = model.generate(texts, max_frames=24, temperature=1.0, top_k=20, generators=generators)
        drawn_next = [int(torch.randint(10**9, (), generator=own)) for own in generators]
        return [(clip.tolist(), drawn) for clip, drawn in zip(made, drawn_next, strict=True)]

    together = sample(TEXTS, [1, 1, 2])
    assert together == [sample([text], [seed])[0] for text, seed in zip(TEXTS, [1, 1, 2], strict=True)]
    assert len({len(clip) for clip, _ in together}) == 3
    assert sample(["rain"], [1]) != sample(["rain"], [2])


def test_one_generator_draws_for_all_texts_and_goes_on(build):
    model, generator = build(), torch.Generator().manual_seed(1)

    def sample():
        made = model.generate(["rain"] * 3, max_frames=8, temperature=1.0, generator=generator)
        return [str(clip.tolist()) for clip in made]

    first, second = sample(), sample()
    assert len({*first, *second}) == 6
    generator.manual_seed(1)
    assert (sample(), sample()) == (first, second)


def test_it_generates_in_half_precision(build):
    (tokens,) = build().to(torch.bfloat16).generate(["rain"], max_frames=3, temperature=1.0)
    assert 1 <= len(tokens) <= 3 and tokens.max() < 30


def test_languages_are_told_apart_and_checked(build):
    model = build(languages=("qaa", "qab"))
    first, second = (model.logits(["rain"], tokens(1, 3), [language]) for language in ("qaa", "qab"))
    assert (first - second).abs().max() > 1e-3
    with pytest.raises(ConfigError, match="name one with --language: qaa, qab"):
        model.generate(["rain"], max_frames=2)
    with pytest.raises(ConfigError, match="'gsg'; use one of: qaa, qab"):
        model.generate(["rain"], max_frames=2, languages=["gsg"])


def test_clips_and_texts_beyond_the_limits_are_refused_in_words(build):
    model = build()
    with pytest.raises(DataError, match=r"25 frames.*translator\.max_frames"):
        model.loss(["rain"], tokens(1, 25), torch.tensor([25]))
    with pytest.raises(DataError, match="reads 16 words"):
        model.generate(["rain " * 17], max_frames=4)


def test_widths_that_do_not_divide_are_refused_in_words(build):
    with pytest.raises(ConfigError, match="33 and 16 do not divide"):
        build(width=33)


RELEASE = {
    "positions": "sinusoidal", "activation": "gelu", "final_norm": "none", "special_ids": "eos+pad",
    "classifier_bias": "none", "first_frame": "after_prefix", "eos_rule": "any", "prefix": "sentence",
}  # fmt: skip


def test_the_authors_options_count_from_the_sentence_and_never_say_padding(build):
    model = build(**RELEASE)
    assert model.first_place == 1
    assert model.mixer.embed.num_embeddings == 32 and model.heads.classify.weight.shape[-1] == 32
    assert model.heads.classify.bias is None
    model.eval()
    assert model.logits(TEXTS, tokens(3, 4)).shape == (4, 3, 5, 31)
    made = model.generate(TEXTS, max_frames=5)
    assert all(int(row.max()) < 30 for row in made)


def test_frames_cannot_follow_a_prefix_of_words_at_a_fixed_place(build):
    with pytest.raises(ConfigError, match="prefix=sentence"):
        build(first_frame="after_prefix", prefix="tokens")
