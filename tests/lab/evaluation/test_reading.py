"""Back-translation in `evaluate`: rows, ratios, the oracle, and back-translators that do not fit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from torch import nn

import signvip
from signvip.data.baseline import STILL
from signvip_lab.backtranslation.back_translator import BackTranslator
from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate
from signvip_lab.evaluation.making import GENERATED, REBUILT, ROWS, TRUTH
from signvip_lab.evaluation.reading import ORACLE
from signvip_lab.evaluation.results import table


class Pixels(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


TEXTS = ("bleu", "rouge_l", "chrf", "wer")


def options(*folders, metrics=TEXTS, **more):
    return EvaluateOptions(metrics=metrics, evaluators=folders, **more)


@pytest.fixture(scope="module")
def found(trained, evaluators, tmp_path_factory):
    """Two back-translators of two steps read nothing but the most frequent words: these stand in for that."""
    said = {name: iter("truth rebuilt generated still".split()) for name in ("video", "pose")}

    def read(self, videos, languages):
        row = next(said[self.modality])
        truth = [evaluation_texts[i] for i in range(len(videos))]
        return truth if row == "truth" else ["", *truth[1:]] if row == "rebuilt" else ["nothing at all"] * 2

    from signvip_lab.backtranslation.true_clips import TrueClips

    evaluation_texts = TrueClips(trained.shards, "test").texts
    out = tmp_path_factory.mktemp("read")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BackTranslator, "read", read)
        evaluation = evaluate(
            trained.shards, out, run=str(trained.run), options=options(evaluators.video, evaluators.pose)
        )
    return evaluation, json.loads((out / "results.json").read_text())


def test_each_evaluator_has_its_rows(found):
    evaluation, _ = found
    for evaluator in ("video", "pose"):
        assert evaluation.value(TRUTH, "bleu4", evaluator) == pytest.approx(100)
        assert 0 < evaluation.value(REBUILT, "bleu1", evaluator) < 100
        assert evaluation.value(GENERATED, "bleu4", evaluator) == 0
        assert 0 < evaluation.value(ORACLE, "bleu1", evaluator) <= 100
        assert evaluation.value(TRUTH, "wer", evaluator) == 0
    assert evaluation.about["rows"] == [*ROWS, ORACLE]


def test_numbers_stand_beside_their_ratio_to_the_ground_truth(found):
    evaluation, stored = found
    rebuilt = next(v for v in stored["values"] if (v["row"], v["name"]) == (REBUILT, "rouge_l"))
    assert rebuilt["ratio"] == pytest.approx(rebuilt["value"] / 100) and rebuilt["evaluator"] == "video"
    lines = table(evaluation)
    heads = [line for line in lines if line.startswith("back-translation")]
    assert [line.split(")")[0] for line in heads] == ["back-translation (video", "back-translation (pose"]
    assert all(line.endswith("bleu4/truth") for line in heads)
    assert lines[lines.index(heads[0]) + 1].split()[-1] == "1.000"


def test_what_was_read_is_kept_and_corpus_bleu_has_an_interval_over_clips(found):
    _, stored = found
    assert (
        stored["texts"][REBUILT]["video"][0] == ""
        and stored["texts"][STILL]["pose"] == ["nothing at all"] * 2
    )
    rebuilt = next(v for v in stored["values"] if (v["row"], v["name"]) == (REBUILT, "bleu1"))
    assert rebuilt["interval"][0] == 0 < rebuilt["value"] < rebuilt["interval"][1] == pytest.approx(100)
    assert rebuilt["clips"] == [0, pytest.approx(100)] and rebuilt["ratio_interval"] == [0, pytest.approx(1)]
    gain = next(d for d in stored["differences"] if (d["row"], d["name"]) == (REBUILT, "bleu1"))
    assert gain["over"] == STILL and gain["gain"] == rebuilt["value"] and gain["better"] is None
    assert {d["evaluator"] for d in stored["differences"]} == {"video", "pose"}


def test_results_say_who_read(found, evaluators):
    _, stored = found
    about = stored["evaluators"]["video"]
    assert about["trained_on"] == "ground truth" and about["fingerprint"] in about["signature"]
    assert about["folder"] == str(evaluators.video) and about["n"]["train"] == 4


def test_an_empty_hypothesis_is_said_once(found):
    empty = [remark for remark in found[0].remarks if "empty" in remark]
    assert empty == [
        f"{REBUILT}, {name} read back: 1 of 2 hypotheses are empty and count as wrong."
        for name in ("video", "pose")
    ]


def test_true_and_generated_clips_are_really_read(trained, evaluators, tmp_path):
    evaluation = evaluate(
        trained.shards,
        tmp_path,
        run=str(trained.run),
        options=options(evaluators.pose, metrics=("chrf",), clips=1),
    )
    assert {value.row for value in evaluation.values} == {*ROWS, ORACLE}
    assert "beams=" in "\n".join(table(evaluation))


def test_faces_of_generated_frames_are_found_by_the_pose_evaluator(trained, evaluators, tmp_path):
    torch.jit.script(Pixels()).save(tmp_path / "faces.pt")
    asked = {"metrics": ("ids_reference",), "weights": {"ids_reference": tmp_path / "faces.pt"}, "clips": 1}
    evaluation = evaluate(
        trained.shards, tmp_path, run=str(trained.run), options=options(evaluators.pose, **asked)
    )
    values = {value.row: value.value for value in evaluation.values}
    assert set(values) == set(ROWS) and max(values.values()) == values[STILL] == pytest.approx(1)
    assert all(remark.endswith("leaves the others out.") for remark in evaluation.remarks)
    with pytest.raises(signvip.DataError, match=r"train-back-translator --modality pose"):
        evaluate(trained.shards, tmp_path, run=str(trained.run), options=options(evaluators.video, **asked))
    with pytest.raises(signvip.MismatchError, match="finds no keypoints"):
        BackTranslator.open(evaluators.video).keypoints(np.zeros((1, 32, 32, 3), np.uint8))


def test_the_usual_evaluators_are_found_where_they_fit(trained, evaluators, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(evaluators.pose, "runs/evaluator-pose")
    shutil.copytree(evaluators.video, "runs/evaluator-video")
    about = json.loads((tmp_path / "runs/evaluator-video/evaluator.json").read_text())
    about["config"]["corpus"]["fps"] = 25.0
    (tmp_path / "runs/evaluator-video/evaluator.json").write_text(json.dumps(about))
    evaluation = evaluate(
        trained.shards, tmp_path, run=str(trained.run), options=options(metrics=("chrf",), clips=1)
    )
    assert list(evaluation.about["evaluators"]) == ["pose"]
    assert "another frame rate (25 fps) than these clips have (12 fps)" in evaluation.remarks[0]
    with pytest.raises(signvip.MismatchError, match=r"another frame rate"):
        evaluate(
            trained.shards,
            tmp_path,
            run=str(trained.run),
            options=options(tmp_path / "runs/evaluator-video", clips=1),
        )


def test_two_that_read_the_same_are_refused(trained, evaluators, tmp_path):
    with pytest.raises(signvip.ConfigError, match="Two back-translators read pose"):
        evaluate(
            trained.shards, tmp_path, run=str(trained.run), options=options(evaluators.pose, evaluators.pose)
        )


def test_no_frames_are_made_for_texts_that_nobody_reads(trained, tmp_path, monkeypatch):
    from signvip_lab.evaluation.chain import Chain

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Chain, "video", lambda *_: pytest.fail("frames were made"))
    with pytest.raises(
        signvip.DataError, match=r"bleu: no back-translator reads .* signvip train-back-translator"
    ):
        evaluate(trained.shards, tmp_path, run=str(trained.run), options=options())
    evaluation = evaluate(
        trained.shards, tmp_path, run=str(trained.run), options=options(metrics=("bleu", "codebook"))
    )
    assert [item.metric for item in evaluation.left_out if "no back-translator" in item.reason] == ["bleu"]
