"""`train_back_translator` and the folder that it leaves: what is kept, what is refused, and that it is frozen."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import Speech2TextForConditionalGeneration

import signvip
from signvip.data import fields
from signvip.data.manifest import Manifest
from signvip.data.provenance import NOTICE
from signvip.data.shards import ShardIndex, ShardWriter
from signvip.data.video import VideoWriter
from signvip.errors import RunError, SignVipWarning
from signvip_lab.backtranslation.back_translator import BackTranslator
from signvip_lab.backtranslation.config import load_back_translator_config
from signvip_lab.backtranslation.train import train_back_translator
from signvip_lab.backtranslation.true_clips import TrueClips, through_codec


@pytest.fixture(params=["video", "pose"])
def evaluator(request, evaluators):
    return BackTranslator.open(getattr(evaluators, request.param))


def test_it_says_what_it_is(evaluator, trained):
    about = json.loads((evaluator.folder / "evaluator.json").read_text())
    assert about["trained_on"] == "ground truth" and about["n"] == {"train": 4, "dev": 2}
    assert about["config"]["corpus"]["size"] == [32, 32] and about["config"]["corpus"]["fps"] == 12
    assert about["step"] == 2 and about["beams"] in (1, 2, 4, 8) and 0 <= about["dev"]["bleu4"] <= 100
    assert about["oracle"]["bleu1"] > 0 and len(about["fingerprint"]) == 12
    assert about["fingerprint"] in evaluator.signature and evaluator.modality in evaluator.signature


def test_it_reads_the_same_again_and_in_any_company(evaluator, trained):
    clips = TrueClips(trained.shards, "test")
    videos = [clips.frames(0), clips.frames(1)]
    read = evaluator.read(videos, clips.languages)
    assert len(read) == 2 and all(isinstance(text, str) for text in read)
    again = BackTranslator.open(evaluator.folder)
    assert [again.read([v], [lang])[0] for v, lang in zip(videos, clips.languages, strict=True)] == read
    nothing = np.zeros((0, 32, 32, 3), np.uint8)
    assert evaluator.read([nothing, videos[0]], clips.languages[:1] * 2) == ["", read[0]]


def test_generated_frames_go_through_the_codec(evaluator, trained):
    frames = np.random.default_rng(0).integers(0, 256, (6, 33, 31, 3), dtype=np.uint8)
    decoded = through_codec(frames, 12.0)
    assert decoded.shape == frames.shape and not np.array_equal(decoded, frames)
    assert evaluator.read_generated([frames], ["en"]) == evaluator.read([decoded], ["en"])


def test_finished_work_is_kept(evaluators, trained, tiny_config, monkeypatch):
    from signvip_lab.backtranslation.phases import TextPhase

    monkeypatch.setattr(TextPhase, "batch", lambda *_: pytest.fail("it was trained again"))
    before = (evaluators.pose / "evaluator.json").read_bytes()
    train_back_translator(tiny_config("pose"), shards=trained.shards, out=evaluators.pose)
    assert (evaluators.pose / "evaluator.json").read_bytes() == before


def test_stopped_and_resumed_equals_never_stopped(trained, tiny_config, tmp_path):
    from signvip_lab.backtranslation.phases import TextPhase

    config = tiny_config("video", 4, frames={"start": "random"})
    whole = train_back_translator(config, shards=trained.shards, out=tmp_path / "whole")
    honest = TextPhase.batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextPhase, "batch", lambda self, i: honest(self, i) if i < 3 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_back_translator(config, shards=trained.shards, out=tmp_path / "stopped")
    with pytest.raises(signvip.RunError, match="no finished back-translator"):
        BackTranslator.open(tmp_path / "stopped")
    resumed = train_back_translator(config, shards=trained.shards, out=tmp_path / "stopped")
    assert resumed.about == whole.about


def test_other_weights_than_the_frozen_are_refused(evaluators, tmp_path):
    folder = shutil.copytree(evaluators.video, tmp_path / "mine")
    evaluator = BackTranslator.open(folder)
    with torch.no_grad():
        evaluator.module.network.lm_head.weight.add_(1)
    evaluator.module.network.save_pretrained(folder / "translator")
    with pytest.raises(signvip.MismatchError, match="other weights than those that were frozen"):
        BackTranslator.open(folder)


def test_damage_is_told_in_a_sentence(evaluators, tmp_path):
    with pytest.raises(signvip.RunError, match=r"no finished back-translator in .*train-back-translator"):
        BackTranslator.open(tmp_path / "nowhere")
    folder = shutil.copytree(evaluators.video, tmp_path / "mine")
    (folder / "evaluator.json").write_text("{")
    with pytest.raises(signvip.RunError, match="is damaged"):
        BackTranslator.open(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": (64, 64)}, "another frame size .32x32. than these clips have .64x64."),
        ({"fps": 25.0}, "another frame rate .12 fps. than these clips have .25 fps."),
        ({"dataset": "Phoenix"}, "another dataset .ToySign. than these clips have .Phoenix."),
    ],
)
def test_clips_that_it_was_not_trained_to_read_are_refused(evaluator, trained, change, sentence):
    manifest = Manifest.read(trained.shards)
    evaluator.check(manifest)
    with pytest.raises(signvip.MismatchError, match=sentence):
        evaluator.check(manifest.model_copy(update=change))


def test_another_extractor_is_refused(evaluator, trained):
    evaluator.about["extractor"] = "keypoints by somebody else"
    with pytest.raises(signvip.MismatchError, match=r"another extractor .keypoints by somebody else"):
        evaluator.check(Manifest.read(trained.shards))


@pytest.mark.parametrize("trait", ["sidecar", "comment"])
def test_generated_clips_are_no_ground_truth(trained, tiny_config, tmp_path, trait):
    index, shards = ShardIndex(trained.shards, "train"), tmp_path / "shards"
    frames, fps = index.load(0, "mp4")
    with VideoWriter(tmp_path / "made.mp4", fps, comment=NOTICE) as video:
        video.write(frames)
    video_bytes = (tmp_path / "made.mp4").read_bytes() if trait == "comment" else index.read(0, "mp4")
    info = {**index.load(0, "json"), **({"generated": True} if trait == "sidecar" else {})}
    with ShardWriter(shards, "train") as writer:
        writer.write("made", {"mp4": video_bytes, "json": fields.encode("json", info), "txt": b"x"})
    Manifest.read(trained.shards).write(shards)
    with pytest.raises(signvip.DataError, match=r"made in .* was generated"):
        train_back_translator(tiny_config("video"), shards=shards, out=tmp_path / "out")
    assert not (tmp_path / "out" / "evaluator.json").exists()


def test_poses_are_learned_from_poses(trained, tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(ShardIndex, "has", lambda self, field: field != "pose.npz")
    with pytest.raises(signvip.DataError, match=r"no poses to learn from.*--condition pose"):
        train_back_translator(tiny_config("pose"), shards=trained.shards, out=tmp_path / "pose")
    train_back_translator(tiny_config("video"), shards=trained.shards, out=tmp_path / "video")
    assert not (tmp_path / "video" / "poses").exists()


def test_an_estimator_is_used_on_both_sides(trained, tiny_config, tmp_path, monkeypatch):
    seen = []

    class Still:
        provides = ("keypoints",)
        weights = "0123abcd"

        def __init__(self, config):
            pass

        def __call__(self, clip):
            seen.append(len(clip.frames))
            if not clip.frames.any():
                raise signvip.DataError("there is nobody")
            points = np.random.default_rng(len(clip.frames)).random((len(clip.frames), 128, 3))
            return {"keypoints": points.astype(np.float32)}

    class Plugin:
        @signvip.hookimpl
        def register_estimators(self, register):
            register("still", Still)

    from signvip.registry import registry

    registry.cache_clear()
    registry().manager.register(Plugin())
    registry()._collect("estimator", Plugin(), "tests", "1.0")
    try:
        config = tiny_config("pose", estimator="still")
        evaluator = train_back_translator(config, shards=trained.shards, out=tmp_path / "pose")
        assert "still 1.0 0123abcd" in evaluator.signature and len(seen) == 6
        grey, black = np.full((5, 32, 32, 3), 9, np.uint8), np.zeros((4, 32, 32, 3), np.uint8)
        evaluator.read([grey], ["en"])
        assert seen[-1] == 5
        with pytest.warns(SignVipWarning, match="without a signer: there is nobody"):
            assert len(evaluator.read([black, grey], ["en", "en"])) == 2
            assert not evaluator.keypoints(black).any()
        with pytest.raises(signvip.DataError, match="there is nobody"):  # of no clip at all: it is broken
            BackTranslator.open(tmp_path / "pose").keypoints(black)
        evaluator.check(Manifest.read(trained.shards))
        Still.weights = "another"
        with pytest.raises(signvip.MismatchError, match="another extractor"):
            evaluator.check(Manifest.read(trained.shards))
    finally:
        registry.cache_clear()


def test_a_folder_keeps_its_modality(evaluators, trained, tiny_config):
    with pytest.raises(signvip.MismatchError, match="holds a back-translator of pose; choose another folder"):
        train_back_translator(tiny_config("video"), shards=trained.shards, out=evaluators.pose)


def test_options_are_checked_in_words():
    with pytest.raises(
        signvip.ConfigError, match="no back-translator of the size 'large'; choose small or slt"
    ):
        load_back_translator_config("large")
    with pytest.raises(signvip.ConfigError, match=r"unknown key 'translator\.layer' .did you mean 'layers'"):
        load_back_translator_config("small", ["translator.layer=3"], {"modality": "pose"})
    with pytest.raises(signvip.ConfigError, match="use multiples of 16"):
        load_back_translator_config("small", ["frames.size=[40,40]"], {"modality": "pose"})
    with pytest.raises(signvip.ConfigError, match="not an even multiple of 5 heads"):
        load_back_translator_config("small", ["translator.heads=5"], {"modality": "pose"})


def test_the_size_of_neccam_slt_is_a_preset():
    """neccam/slt has 25.1 M parameters for poses; 3 M of them belong to the words of RWTH-2014T."""
    from signvip_lab.backtranslation.networks import build_network
    from signvip_lab.backtranslation.vocabulary import build_tokenizer

    sizes = load_back_translator_config("slt", flags={"modality": "pose"}).translator
    assert (sizes.width, sizes.layers, sizes.heads, sizes.feedforward) == (512, 3, 8, 2048)
    with torch.device("meta"):
        network = build_network(sizes, 150, build_tokenizer(["a b"], ["de"]))
    assert 22e6 < sum(weight.numel() for weight in network.parameters()) < 24e6


def test_features_of_other_pictures_are_not_taken(trained, tmp_path):
    """What is kept of a split is kept under its pictures: the same clips made again may show something else."""
    folder = shutil.copytree(trained.shards, tmp_path / "shards")
    before = TrueClips(folder, "dev").digest
    index = ShardIndex(folder, "dev")
    samples = [{name: index.read(clip, name) for name in index.fields(clip)} for clip in range(len(index))]
    samples[0]["mp4"], samples[1]["mp4"] = samples[1]["mp4"], samples[0]["mp4"]
    with ShardWriter(folder, "dev") as writer:
        for key, members in zip(index.keys, samples, strict=True):
            writer.write(key, members)
    assert TrueClips(folder, "dev").digest != before == TrueClips(trained.shards, "dev").digest


@pytest.mark.parametrize(
    ("changes", "beams"), [({"layers": 2}, 1), ({"width": 32}, 1), ({"halvings": 3}, 1), ({}, 0), ({}, 10**6)]
)
def test_no_weight_is_made_up_for_a_network_that_was_not_trained(evaluators, tmp_path, changes, beams):
    """The library fills what a file lacks at random, and the fingerprint of a stranger's folder is the stranger's."""
    folder = shutil.copytree(evaluators.pose, tmp_path / "own")
    about = json.loads((folder / "evaluator.json").read_text())
    about["config"]["translator"] |= changes
    (folder / "evaluator.json").write_text(json.dumps(about | {"beams": beams}))
    with pytest.raises(RunError, match=r"cannot be read \(ValueError\); train it with: "):
        BackTranslator.open(folder)


def test_what_the_library_would_load_reads_the_same(evaluator, trained):
    """A back-translator of an older version stays what it was."""
    theirs = Speech2TextForConditionalGeneration.from_pretrained(evaluator.folder / "translator")
    ours = evaluator.module.network
    assert ours.generation_config.to_diff_dict() == theirs.generation_config.to_diff_dict()
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())
