"""`signvip train-back-translator`, and `signvip evaluate` with what it made."""

from __future__ import annotations

import json

from evaluators import TINY


def test_train_and_evaluate(signvip, trained):
    sets = [word for line in TINY for word in ("--set", line)]
    words = ["train-back-translator", "--modality", "pose", "--shards", trained.shards, "--steps", 2, *sets]
    result = signvip(*words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "runs/evaluator-pose\n"
    assert (
        "BLEU-4 on 2 dev clips" in result.stderr and "an oracle that knows the glosses has" in result.stderr
    )
    again = signvip(*words, "--json")
    assert json.loads(again.stdout)["step"] == 2 and "is trained already" in again.stderr
    read = signvip(
        "evaluate", "--run", trained.run, "--shards", trained.shards, "--metric", "chrf", "--clips", 1,
        "--back-translator", "runs/evaluator-pose",
    )  # fmt: skip
    assert read.exit_code == 0, read.stderr
    assert read.stdout.startswith("back-translation (pose)") and "oracle, given the glosses" in read.stdout


def test_wrong_usage(signvip, trained):
    assert signvip("train-back-translator").exit_code == 2 == signvip("train-evaluator").exit_code
    result = signvip("train-back-translator", "--modality", "smell")
    assert result.exit_code == 2 and "neither pose nor video" in result.stderr
    result = signvip("train-back-translator", "--modality", "pose", "--preset", "huge")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: There is no back-translator of the size 'huge'; choose small or slt.\n",
    )
    result = signvip("train-back-translator", "--modality", "pose", "--shards", "nowhere")
    assert result.exit_code == 1 and "signvip preprocess" in result.stderr
