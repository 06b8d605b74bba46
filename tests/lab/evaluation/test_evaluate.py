"""`evaluate` on the small run of the tests: what is computed, what is left out, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import signvip
from signvip.data.baseline import STILL
from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate
from signvip_lab.evaluation.making import GENERATED, REBUILT, ROWS, TRUTH
from signvip_lab.evaluation.results import table


@pytest.fixture(scope="module")
def found(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    return evaluate(trained.shards, out, run=str(trained.run)), out


def test_the_ground_truth_comes_first_and_is_the_best(found):
    evaluation, _ = found
    assert evaluation.values[0].row == ROWS[0] == TRUTH
    assert evaluation.value(TRUTH, "psnr") == 100 and evaluation.value(TRUTH, "ssim") == pytest.approx(1)
    assert evaluation.value(REBUILT, "psnr") < 40
    assert evaluation.value(TRUTH, "length_ratio") == 1
    assert 0 < evaluation.value(GENERATED, "codebook_usage") <= 1
    assert evaluation.value(GENERATED, "seconds_per_frame") > 0


def test_results_can_be_read_by_a_program(found):
    evaluation, out = found
    stored = json.loads((out / "results.json").read_text())
    assert stored == json.loads(json.dumps(evaluation.as_json()))
    assert (
        stored["clips"] == 2 and len(stored["fingerprint"]) == 12 and stored["signvip"] == signvip.__version__
    )
    for value in stored["values"]:
        assert math.isfinite(value["value"]) and value["n"] > 0 and value["signature"]
        assert isinstance(value["higher_is_better"], bool)


def test_what_is_left_out_is_said_with_its_reason(found):
    evaluation, _ = found
    reasons = {item.metric: item.reason for item in evaluation.left_out}
    assert {"fid", "kid", "fvd", "clip_fid", "lpips", "ids", "ids_reference", "bleu"} <= set(reasons)
    assert "--weights" in reasons["fid"]
    aligned = [item for item in evaluation.left_out if item.metric == "psnr"]
    assert [item.row for item in aligned] == [GENERATED] and "aligned frames" in aligned[0].reason


def test_a_picture_is_a_row_of_its_own_by_the_same_metrics(found):
    evaluation, _ = found
    assert evaluation.about["rows"][-1] == STILL
    rebuilt, still = (
        {value.name for value in evaluation.values if value.row == row} for row in (REBUILT, STILL)
    )
    assert {"hand_ssim", "face_ssim", "psnr", "ssim", "mpjpe"} <= still and still <= rebuilt
    assert evaluation.value(STILL, "frozen") == 1 and evaluation.value(STILL, "jitter") == 0
    assert evaluation.value(STILL, "psnr") < 40 and evaluation.value(TRUTH, "frozen") < 1


def test_frames_that_equal_the_reference_count_in_no_row_and_are_counted(trained, found):
    from signvip.data.picture_scores import psnr
    from signvip.stages.clips import Clips

    evaluation, out = found
    clips = Clips(trained.shards, "test", trained.config)
    values, frames = [], 0
    for clip in range(len(clips)):
        truth = (
            clips.frames(clip, range(clips.info(clip)["frames"])).permute(0, 2, 3, 1).numpy().astype(float)
        )
        moving = truth[np.abs(truth - truth[-1]).mean(axis=(1, 2, 3)) > 1]
        values.append(psnr(truth[-1:].repeat(len(moving), 0) / 255, moving / 255))
        frames += len(moving)
    assert evaluation.value(STILL, "psnr") == pytest.approx(np.mean(values), abs=1e-4)
    stored = json.loads((out / "results.json").read_text())
    assert stored["frames"]["count"] == frames < stored["frames"]["all"]
    still = next(v for v in stored["values"] if (v["row"], v["name"]) == (STILL, "psnr"))
    assert still["clips"] == pytest.approx(values, abs=1e-3) and len(stored["ids"]) == 2
    assert any(line.startswith(f"{frames} of") for line in table(evaluation))


def test_clips_that_stand_still_have_nothing_to_compare(trained, tmp_path, monkeypatch):
    from signvip.stages.clips import Clips

    honest = Clips.frames
    monkeypatch.setattr(Clips, "frames", lambda self, clip, picks: honest(self, clip, [0] * len(picks)))
    with pytest.raises(signvip.DataError, match="no frame of these clips differs from its reference picture"):
        run(trained, tmp_path, "ssim", clips=1)


def test_hands_and_faces_stand_first_and_gains_have_intervals(found):
    lines = table(found[0])
    head = next(line for line in lines if line.startswith("videos"))
    assert head.split()[1::2][:2] == ["hand_ssim", "face_ssim"]
    gains = next(line for line in lines if line.startswith(f"{REBUILT}, gain over {STILL}: "))
    assert "psnr " in gains and "[" in gains
    assert any("so few clips make it too narrow" in line for line in lines)


def test_the_table_has_rows_arrows_signatures_and_reasons(found):
    text = "\n".join(table(found[0]))
    assert text.index(TRUTH) < text.index(REBUILT) < text.index(GENERATED)
    assert "psnr ↑" in text and "mpjpe ↓" in text and "length_ratio →1" in text
    assert "psnr: n=2, per frame" in text and "Left out:" in text
    assert f"{GENERATED}: " in text and "tokens are few for the codebook" in text


def test_a_seed_repeats_and_a_subset_agrees(trained, tmp_path, found):
    options = EvaluateOptions(metrics=("ssim",), clips=1)
    one, two = (evaluate(trained.shards, tmp_path, run=str(trained.run), options=options) for _ in range(2))
    assert one.value(REBUILT, "ssim") == two.value(REBUILT, "ssim")
    assert {value.metric for value in one.values} == {"ssim"} and one.about["clips"] == 1


def test_metrics_that_need_no_pixels_generate_none(trained, tmp_path, monkeypatch):
    from signvip_lab.evaluation.chain import Chain

    monkeypatch.setattr(Chain, "video", lambda *_: pytest.fail("frames were made"))
    options = EvaluateOptions(metrics=("codebook", "reconstruction"))
    assert evaluate(trained.shards, tmp_path, run=str(trained.run), options=options).values


def run(trained, tmp_path, *metrics, **options):
    return evaluate(
        trained.shards, tmp_path, run=str(trained.run), options=EvaluateOptions(metrics=metrics, **options)
    )


def test_what_cannot_be_computed_is_refused_when_it_was_asked_for(trained, tmp_path):
    with pytest.raises(signvip.PluginError, match="did you mean 'ssim'"):
        run(trained, tmp_path, "sssim")
    with pytest.raises(signvip.DataError, match="fid needs the weights"):
        run(trained, tmp_path, "fid")
    with pytest.raises(signvip.DataError, match="fvd finds no file"):
        run(trained, tmp_path, "fvd", weights={"fvd": tmp_path / "absent.pt"})
    with pytest.raises(signvip.DataError, match="bleu: no back-translator"):
        run(trained, tmp_path, "bleu")
    with pytest.raises(signvip.RunError, match="no run folder"):
        evaluate(trained.shards, tmp_path, run="owner/name")
    with pytest.raises(signvip.DataError, match="signvip preprocess"):
        run(trained, tmp_path, "ssim", split="nowhere")
    assert not (tmp_path / "results.json").exists()


def test_shards_of_another_frame_rate_are_refused(trained, tmp_path, monkeypatch):
    from signvip.stages.clips import Clips

    honest = Clips.info
    monkeypatch.setattr(Clips, "info", lambda self, clip: {**honest(self, clip), "fps": 25.0})
    with pytest.raises(signvip.MismatchError, match="25 frames a second, the run 12"):
        run(trained, tmp_path, "ssim")


def test_a_third_partys_metric_that_fails_costs_only_itself(trained, tmp_path, monkeypatch):
    from signvip_metrics.psnr_ssim import Ssim

    def broken(self, generated, truth):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Ssim, "__call__", broken)
    evaluation = run(trained, tmp_path, "ssim", "psnr")
    assert "ZeroDivisionError: oh" in {item.reason for item in evaluation.left_out}
    assert evaluation.value(TRUTH, "psnr") == 100
