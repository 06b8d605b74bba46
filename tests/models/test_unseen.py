"""What a run never saw in training is said: words, letters, sign languages, long texts, pictures without a signer."""

from __future__ import annotations

import json
import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import signvip
from signvip.config import load_config
from signvip.data.likeness import Likeness
from signvip.data.people import doubts_about
from signvip.data.reference_picture import load_reference
from signvip.errors import DataError, SignVipWarning, UnseenWarning
from signvip.generate import GenerateOptions, Request, embedded_run, generate
from signvip.models.seen_texts import Seen
from signvip.run import Run
from signvip.stages.likeness import references_of

QUICK = {"max_frames": 1, "num_inference_steps": 1, "output_type": "latent"}
KNOWN = "tomorrow it will rain in the north"


@pytest.fixture(scope="module")
def pipe():
    pipe = signvip.SignVipPipeline.from_pretrained(embedded_run())
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def signer():
    """One that the embedded model never saw."""
    reader = signvip.build("dataset", "toysign")
    return reader.portrait(reader.signers("test")[0])


def nobody():
    """Pictures in which there is no signer, by name."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    return {
        "white": np.full((90, 90, 3), 255, np.uint8),
        "skin": np.tile(np.uint8([220, 180, 150]), (90, 120, 1)),
        "noise": draw.integers(0, 256, (64, 64, 3)).astype(np.uint8),
        "clouds": np.asarray(
            Image.fromarray(draw.integers(0, 256, (6, 6, 3)).astype(np.uint8)).resize((96, 96))
        ),
        "slope": np.repeat((x * 2.6).astype(np.uint8)[..., None], 3, -1),
        "tiles": np.repeat(((x // 8 + y // 8) % 2 * 255).astype(np.uint8)[..., None], 3, -1),
        "page": np.where(draw.random((96, 96, 1)) < 0.2 * (y % 8 < 4)[..., None], 0, 255)
        .repeat(3, -1)
        .astype(np.uint8),
    }


def told_of(pipe, text=KNOWN, reference=None, language=None):
    return pipe.concerns([text], [reference], language)[0]


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("room 7", "ase", r"the letter '7' in training"),
        ("Жд", "ase", r"the letters 'ж', 'д' in training"),
        ("明日は雨", "ukl", "the letters '明', '日', 'は', '雨' in training"),
        ("0123456", "ase", "and 2 more in training"),
        ("rain " * 20, "ase", r"has 80 letters, and the longest that this run saw in training \d\d;"),
        ("Anna", None, "No sign language is named, so it is 'ase'; name one with --language, of ase, asq"),
    ],
)
def test_the_embedded_model_says_what_it_never_saw(pipe, signer, text, language, words):
    with pytest.warns(UnseenWarning) as seen:
        result = pipe(text, signer, language=language, **QUICK)
    assert any(re.search(words, sentence) for sentence in result.warnings)
    assert [str(one.message) for one in seen] == list(result.warnings)
    assert issubclass(UnseenWarning, SignVipWarning)


def test_what_it_knows_is_no_concern(pipe, signer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text, language in ((KNOWN, "qaa"), ("Anna", "ase"), ("Їжак", "ukl"), ("Άννα", "gss")):
            assert pipe(text, signer, language=language, **QUICK).warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my name is Anna", r"the words 'my', 'name', 'is', 'anna' in training"),
        ("Tomorrow, SUNSHINE in Reykjavík!", r"the words 'sunshine', 'reykjavík' in training"),
        ("завтра будет дождь", "'завтра'"),
        ("明日は雨", "the word '明日は雨'"),
        ("rain " * 20, "has 20 words, and the longest that this run saw in training 7"),
        ("a b c d e f g", "and 2 more in training"),
    ],
)
def test_words_are_what_a_translator_of_words_knows(text, words):
    seen = Seen.of([("qaa", KNOWN)], "words")
    assert any(re.search(words, sentence) for sentence in seen.concerns(text, "qaa"))
    assert not seen.concerns("RAIN: it will, tomorrow", "qaa")
    assert "never saw the sign language 'ase' in training; it knows qaa" in seen.concerns(KNOWN, "ase")[0]


def test_each_text_of_several_has_its_own(pipe, signer):
    with pytest.warns(UnseenWarning, match="'7'"):
        result = pipe(["Anna", "7"], signer, language="ase", **QUICK)
    assert [len(sentences) for sentences in result.warnings] == [0, 1]


def test_given_tokens_are_nobodys_words(pipe, signer):
    tokens = torch.zeros(1, pipe.autoencoder.tokens_per_frame).long()
    assert pipe("7", signer, tokens=tokens, output_type="latent").warnings == ()


@pytest.mark.parametrize("name", nobody())
def test_a_picture_without_a_signer_is_told(pipe, name):
    with pytest.warns(UnseenWarning, match="may be no signer to see"):
        assert len(pipe("Anna", nobody()[name], language="ase", **QUICK).warnings) == 1


def test_signers_whom_training_never_saw_are_no_concern(pipe):
    reader = signvip.build("dataset", "toysign", test_signers=12)
    portraits = [reader.portrait(signer) for signer in reader.signers("test")]
    assert not any(told_of(pipe, reference=portrait, language="qaa") for portrait in portraits)


@pytest.mark.parametrize("strict", [False, True])
def test_generate_tells_before_any_work_and_writes_it_down(tmp_path, signer, strict):
    Image.fromarray(signer).save(tmp_path / "ref.png")
    requests = [
        Request(text, tmp_path / "ref.png", tmp_path / f"{text}.mp4", language="ase")
        for text in ("rain", "room 7")
    ]
    options = GenerateOptions(max_frames=1, steps=1)
    if strict:
        with pytest.raises(DataError, match=r"^room 7\.mp4: .*'7'.*; leave out --strict"):
            generate(requests, run="embedded", options=options, strict=True)
        assert [path.name for path in tmp_path.iterdir()] == ["ref.png"]
        return
    with pytest.warns(UnseenWarning, match=r"^room 7\.mp4: .*'7'") as told:
        generate(requests, run="embedded", options=options)
    assert [one.category for one in told].count(UnseenWarning) == 1
    sidecars = [json.loads((tmp_path / f"{text}.json").read_text()) for text in ("rain", "room 7")]
    assert sidecars[0]["warnings"] == [] and "'7'" in sidecars[1]["warnings"][0]


def test_a_text_that_names_no_language_is_in_the_first_and_the_sidecar_says_so(tmp_path, signer):
    Image.fromarray(signer).save(tmp_path / "ref.png")
    request = Request("Anna", tmp_path / "ref.png", tmp_path / "anna.mp4")
    with pytest.warns(UnseenWarning, match="No sign language is named"):
        generate([request], run="embedded", options=GenerateOptions(max_frames=2, steps=1))
    told = json.loads((tmp_path / "anna.json").read_text())
    assert told["sampling"]["language"] == "ase" and "No sign language" in told["warnings"][0]


def test_a_run_of_one_language_takes_it_without_a_word(pipe, monkeypatch, signer):
    monkeypatch.setattr(pipe.translator.network, "languages", ("ukl",))
    assert pipe.translator.default_language == "ukl" and told_of(pipe, "Їжак", signer, None) == ()


def test_a_stage_stores_what_it_was_shown_and_older_runs_say_nothing(trained, signer):
    run = Run.open(trained.run)
    pipe = signvip.SignVipPipeline.from_pretrained(run.path)
    seen = Seen.read(pipe.translator.config["seen"])
    assert list(seen.languages) == ["qaa"] and seen.unit == "words"
    assert told_of(pipe, "xylophone", signer)
    pipe.translator.register_to_config(seen=None)
    assert not told_of(pipe, "xylophone", signer)
    pipe.translator.register_to_config(
        seen={"unit": "bytes", "languages": []}
    )  # of a stranger, or a later version
    assert not told_of(pipe, "xylophone", signer)


def test_letters_are_what_a_translator_of_letters_knows():
    texts = [("ase", "Anna"), ("ase", "ben"), ("ukl", "Їжак")]
    seen = Seen.of(texts, "letters")
    assert not seen.concerns("nab", "ase") and not seen.concerns("A. BEN?", "ase")
    assert "the letters 'x', 'y'" in seen.concerns("xyab", "ase")[0]
    assert "the letters 'ї', 'ж'" in seen.concerns("їж", "ase")[0] and not seen.concerns("їж", "ukl")
    assert "the letter '7'" in seen.concerns("7", "ukl")[0] and "'🙂'" in seen.concerns("🙂", "ase")[0]
    assert not seen.concerns("їжанна", None) or "'" in seen.concerns("їжанна", None)[0]
    assert "7 letters, and the longest that this run saw in training 4" in seen.concerns("annanna", "ase")[0]


def test_translators_say_what_they_read():
    from signvip.registry import build

    sizes = {"tokens_per_frame": 4, "vocab_size": 16, "layers": 1, "width": 16, "heads": 2}
    assert build("translator", "gpt2", **sizes).unit == "words"
    assert build("translator", "gpt2", text_encoder="bytes", **sizes).unit == "letters"


class Frames:
    """Clips of a corpus as a stage reads them."""

    def __init__(self, clips):
        self.clips = [[portrait, portrait] for portrait in clips]

    def __len__(self):
        return len(self.clips)

    def info(self, clip):
        return {"signer": f"s{clip}", "frames": 2}

    def frames(self, clip, picks):
        return torch.stack([torch.from_numpy(self.clips[clip][pick]).permute(2, 0, 1) for pick in picks])


def test_what_is_usual_is_measured_on_signers_who_were_left_out():
    size = load_config("tiny").size
    reader = signvip.build("dataset", "toysign", size=size, train_signers=48, test_signers=8)
    assert (
        references_of(Frames([reader.portrait(name) for name in reader.signers("train")[:20]])) is None
    )  # too few
    stored = references_of(Frames([reader.portrait(name) for name in reader.signers("train")]))
    usual = Likeness.from_json(json.loads(json.dumps(stored)))
    assert max(usual.distance(reader.portrait(name)) for name in reader.signers("test")) < 1
    assert min(usual.distance(load_reference(picture, size)) for picture in nobody().values()) > 1


@pytest.mark.parametrize("values", [None, 3, {}, {"colours": "a b"}, {"colours": "nan", "rest": "1"}])
def test_a_likeness_that_makes_no_sense_is_none(values):
    assert Likeness.from_json(values) is None


class Eyes:
    """An estimator that finds who is bright."""

    finds_people, provides = True, ("keypoints",)

    class Config(signvip.Config):
        pass

    def __init__(self, config):
        pass

    def __call__(self, clip):
        if clip.frames.mean() < 100:
            raise DataError("it shows nobody")
        return {"keypoints": np.ones((len(clip.frames), 128, 3), np.float32)}


def test_a_detector_that_is_installed_is_asked(monkeypatch, signer):
    bright, dark = np.full((64, 64, 3), 200, np.uint8), np.full((64, 64, 3), 20, np.uint8)
    assert doubts_about(dark, dark, None) == doubts_about(bright, bright, None) == []  # nobody can say
    fake = type("Fake", (), {"names": lambda self, kind: ["eyes"], "get": lambda self, kind, name: Eyes})()
    monkeypatch.setattr("signvip.data.people.registry", lambda: fake)
    monkeypatch.setattr("signvip.data.people.build", lambda kind, name: Eyes(None))
    assert doubts_about(bright, bright, None) == []
    assert doubts_about(dark, dark, None) == ["No signer was found in the reference; give a picture of one."]
    usual = signvip.SignVipPipeline.from_pretrained(embedded_run()).denoiser.likeness
    usual = Likeness.from_json(usual)
    assert doubts_about(bright, bright, usual) == []  # seen by the detector
    assert "No signer was found in the reference, which is unlike all" in doubts_about(dark, dark, usual)[0]
    shade = (signer * 0.3).astype(np.uint8)
    assert (
        doubts_about(shade, signer, usual) == []
    )  # drawn, as those of the training: no detector need know them
