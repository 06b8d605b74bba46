"""`signvip evaluate`: its table, its JSON, and wrong usage."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def evaluate(signvip, trained):
    return lambda *words: signvip("evaluate", "--run", trained.run, "--shards", trained.shards, *words)


def test_a_table_on_stdout_and_results_beside_it(evaluate):
    result = evaluate("--metric", "codebook", "--metric", "reconstruction", "--clips", 1)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "codebook_usage ↑" in lines[0] and lines[1].startswith("ground truth")
    assert lines[-1] == "outputs/evaluation/results.json"
    with open(lines[-1]) as file:
        assert {value["metric"] for value in json.load(file)["values"]} == {"codebook", "reconstruction"}


def test_json_is_what_the_file_holds(evaluate):
    result = evaluate("--metric", "ssim", "--clips", 1, "--json", "--out", "mine")
    with open("mine/results.json") as file:
        assert json.loads(result.stdout) == json.load(file)


def test_an_unknown_metric_gets_the_nearest_name(evaluate):
    result = evaluate("--metric", "pnsr")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: There is no metric 'pnsr'; did you mean 'psnr'?\n",
    )


def test_weights_are_pairs(evaluate):
    result = evaluate("--weights", "model.pt")
    assert result.exit_code == 2 and "NAME=PATH" in result.stderr


def test_a_metric_of_a_plugin_file_is_computed(evaluate, plugin_file):
    path = plugin_file(
        """
        import signvip

        class Frames:
            higher_is_better = True

            def __init__(self, config):
                pass

            def __call__(self, generated, truth):
                return {"frames": float(sum(map(len, generated)))}

        @signvip.hookimpl
        def register_metrics(register):
            register("frames", Frames)
        """
    )
    result = evaluate("--plugin", path, "--metric", "frames", "--clips", 1)
    assert result.exit_code == 0 and "frames ↑" in result.stdout, result.stderr


def test_an_aligned_metric_of_a_plugin_gets_the_frames_that_count_and_its_sums_an_interval(
    evaluate, plugin_file
):
    path = plugin_file(
        """
        import numpy as np
        import signvip

        class Frames:
            higher_is_better, aligned = True, True

            def __init__(self, config):
                pass

            def __call__(self, generated, truth):
                return self.score(self.statistics(generated, truth).sum(axis=0))

            def statistics(self, generated, truth):
                return np.array([(len(a), len(b)) for a, b in zip(generated, truth, strict=True)])

            def score(self, sums):
                assert sums[0] == sums[1]
                return {"frames": float(sums[0])}

        @signvip.hookimpl
        def register_metrics(register):
            register("frames", Frames)
        """
    )
    found = json.loads(evaluate("--plugin", path, "--metric", "frames", "--json").stdout)
    values = {value["row"]: value for value in found["values"]}
    assert set(values) == {"ground truth", "from true conditions", "the reference, unchanged"}
    assert {value["value"] for value in values.values()} == {found["frames"]["count"]}
    still = values["the reference, unchanged"]
    assert (
        still["interval"][0] <= still["value"] <= still["interval"][1]
        and sum(still["clips"]) == still["value"]
    )
    assert [item["row"] for item in found["left_out"]] == ["from the text"]
