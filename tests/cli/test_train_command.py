"""How the words of `signvip train` become one configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signvip import stages


@pytest.fixture
def trained(monkeypatch, signvip):
    """Run `signvip train` with an engine that only notes what it is asked for."""

    def run(*words):
        asked = {}

        def train(config, stage, **arguments):
            asked.update(config=config, stage=stage, **arguments)
            return arguments["run"]

        monkeypatch.setattr(stages, "train", train)
        result = signvip("train", *words)
        return result, asked

    return run


def test_defaults(trained):
    result, asked = trained("--stage", "1", "--preset", "tiny")
    assert (result.exit_code, result.stdout) == (0, "runs/default\n")
    assert (asked["stage"], asked["shards"], asked["run"]) == (1, Path("data/shards"), Path("runs/default"))
    assert asked["resume"] is True
    assert asked["config"].preset == "tiny"
    assert asked["config"].quantizer.name == "fsq"


def test_options_of_the_quantizer_that_a_flag_names(trained):
    _, asked = trained(*"--stage 2 --quantizer sign --set quantizer.channels=10 --preset tiny".split())
    assert (asked["config"].quantizer.name, asked["config"].quantizer.options) == ("sign", {"channels": 10})
    _, asked = trained(*"--stage 2 --set quantizer.channels=10 --quantizer sign --preset tiny".split())
    assert asked["config"].quantizer.options == {"channels": 10}


def test_a_flag_wins_over_a_setting_and_a_setting_over_a_file(trained, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("seed = 1\nfps = 10.0\n[quantizer]\nname = 'vq'\n")
    words = f"--stage 2 --preset tiny --config {file} --set seed=2 --set quantizer.name=vq --quantizer fsq"
    _, asked = trained(*words.split())
    assert (asked["config"].seed, asked["config"].fps, asked["config"].quantizer.name) == (2, 10.0, "fsq")


def test_steps_are_those_of_every_phase_of_the_stage(trained):
    _, asked = trained("--stage", "1", "--steps", "7", "--preset", "tiny")
    stage1 = asked["config"].stage1
    assert (stage1.vae.steps, stage1.image.steps, stage1.motion.steps) == (7, 7, 7)
    assert asked["config"].stage2.steps != 7
    _, asked = trained("--stage", "2", "--steps", "8", "--preset", "tiny")
    assert (asked["config"].stage2.steps, asked["config"].stage2_poses.steps) == (8, 8)
    _, asked = trained("--stage", "3", "--steps", "9", "--preset", "tiny")
    assert asked["config"].stage3.steps == 9


def test_conditions_named_replace_those_of_the_preset(trained):
    _, asked = trained("--stage", "1", "--condition", "depth", "--condition", "pose", "--preset", "tiny")
    assert list(asked["config"].conditions) == ["depth", "pose"]


def test_a_run_keeps_its_options_for_later_stages(trained):
    _, first = trained("--stage", "1", "--preset", "tiny", "--condition", "pose", "--set", "seed=5")
    run = Path("runs/default")
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(first["config"].model_dump(mode="json")))
    _, second = trained("--stage", "2")
    assert (list(second["config"].conditions), second["config"].seed) == (["pose"], 5)


def test_a_new_run_begins_with_the_options_of_the_one_that_it_goes_on_from(trained):
    _, asked = trained(*"--stage 3 --from embedded --run runs/words --set stage3.steps=7".split())
    config = asked["config"]
    assert (config.preset, config.start.run, config.stage3.steps) == ("embedded", "embedded", 7)
    run = Path("runs/words")
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(config.model_dump(mode="json")))
    _, later = trained(*"--stage 3 --from embedded --run runs/words".split())
    assert later["config"].stage3.steps == 7  # its own by now
    _, later = trained(*"--stage 3 --run runs/words".split())
    assert later["config"].start.run == "embedded"
    _, later = trained(*"--stage 3 --run runs/words --set start.run=null".split())
    assert later["config"].start.run is None


def test_a_run_that_is_not_there_to_go_on_from(trained):
    result, asked = trained(*"--stage 3 --from runs/nowhere --run runs/words".split())
    assert (result.exit_code, asked) == (1, {})
    assert result.stderr.startswith("error: There is no run in runs/nowhere")
    assert not Path("runs/words").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--preset", "tny"), "There is no preset 'tny'; did you mean 'tiny'?"),
        (("--preset", "tiny", "--set", "stage2.stebs=3"), "did you mean 'steps'?"),
        (("--preset", "tiny", "--set", "stage2"), "write --set key=value"),
        (("--preset", "tiny", "--set", "stage2.steps=0", "--set", "fps=-1"), "fps: "),
        (("--preset", "tiny", "--config", "no.toml"), "There is no configuration file no.toml"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_nearest_name(trained, words, sentence):
    result, asked = trained("--stage", "2", *words)
    assert (result.exit_code, result.stdout, asked) == (1, "", {})
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert sentence in result.stderr


def test_all_faults_of_a_configuration_are_told_at_once(trained):
    result, _ = trained(*"--stage 2 --preset tiny --set stage2.steps=0 --set fps=-1 --set sed=3".split())
    assert all(word in result.stderr for word in ("stage2.steps", "fps", "did you mean 'seed'?"))


def test_a_stage_that_there_is_not_is_wrong_usage(trained):
    result, _ = trained("--stage", "4")
    assert result.exit_code == 2
