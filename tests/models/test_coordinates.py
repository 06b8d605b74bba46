"""Coordinates in the place of tokens (Table 6): the way there and back, and a whole chain without an autoencoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from signvip.config import parse_config
from signvip.errors import ConfigError, DataError, MismatchError, RunError
from signvip.models import Autoencoder, ConditionEncoder, Coordinates

CONDITIONS = {"pose": {}, "hand3d": {}}


def clip(frames: int = 5, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(seed)
    return {
        "pose": {"keypoints": random.random((frames, 128, 3)).astype(np.float16)},
        "hand3d": {"hands": (3 * random.random((frames, 2, 21, 4)) - 1).astype(np.float16)},
    }


@pytest.fixture
def encoder() -> ConditionEncoder:
    torch.manual_seed(0)
    return ConditionEncoder(num_conditions=2, channels=(4, 4), gate_channels=4)


@pytest.fixture
def tokenizer(encoder: ConditionEncoder) -> Coordinates:
    return Coordinates.measure([clip(), clip(seed=1)], encoder, conditions=CONDITIONS, size=(32, 48))


def test_every_number_of_a_frame_is_a_token(tokenizer):
    assert (tokenizer.tokens_per_frame, tokenizer.vocab_size) == (128 * 3 + 2 * 21 * 4, 1024)
    tokens = tokenizer.encode_arrays(clip())
    assert tokens.shape == (5, 552) and tokens.dtype == torch.int64
    assert int(tokens.min()) >= 0 and int(tokens.max()) <= 1023


def test_the_way_back_is_within_half_a_level(tokenizer):
    back = tokenizer.arrays(tokenizer.encode_arrays(clip()))
    for name, key, span in (("pose", "keypoints", 1.0), ("hand3d", "hands", 3.0)):
        assert np.abs(back[name][key] - clip()[name][key].astype(np.float32)).max() <= 0.51 * span / 1023


def test_points_share_the_range_of_their_axis(tokenizer):
    low = tokenizer.low[:384].view(128, 3)
    assert torch.equal(low, low[:1].expand_as(low))
    everything = np.concatenate([clip(seed=seed)["pose"]["keypoints"] for seed in (0, 1)]).reshape(-1, 3)
    assert np.allclose(low[0], everything.min(axis=0), atol=1e-6)


def test_what_training_never_saw_is_held_at_the_border(tokenizer):
    far = clip()
    far["pose"]["keypoints"][0, 0, 0] = 9
    assert int(tokenizer.encode_arrays(far)[0, 0]) == 1023


def test_embeddings_are_those_of_the_drawn_conditions(tokenizer, encoder):
    arrays = tokenizer.arrays(tokenizer.encode_arrays(clip()))
    drawn = np.concatenate(
        [tokenizer.painters[name].draw(arrays[name], (32, 48)) for name in ("pose", "hand3d")], axis=-1
    )
    with torch.no_grad():
        wanted = encoder(torch.from_numpy(drawn).permute(0, 3, 1, 2) / 127.5 - 1)
        found = tokenizer.decode_frames(tokenizer.encode_arrays(clip()), chunk=2)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_it_saves_and_loads_itself(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = Coordinates.from_pretrained(tmp_path)
    assert torch.equal(again.low, tokenizer.low) and again.rows == tokenizer.rows
    tokens = tokenizer.encode_arrays(clip())
    with torch.no_grad():
        assert torch.equal(again.decode_frames(tokens), tokenizer.decode_frames(tokens))


def test_other_points_and_tokens_are_refused(tokenizer):
    other = clip()
    other["pose"]["keypoints"] = other["pose"]["keypoints"][:, :100]
    with pytest.raises(DataError, match="other coordinates"):
        tokenizer.encode_arrays(other)
    with pytest.raises(MismatchError, match="552 to a frame"):
        tokenizer.decode_frames(torch.zeros(3, 16, dtype=torch.int64))


def test_pictures_and_triangles_are_no_coordinates(encoder):
    depth = {"depth": {"depth": np.zeros((3, 8, 8), np.uint8)}}
    with pytest.raises(ConfigError, match="not coordinates to predict"):
        Coordinates.measure([depth], encoder, conditions={"depth": {}}, size=(32, 32))
    with pytest.raises(DataError, match="no clips"):
        Coordinates.measure([], encoder, conditions=CONDITIONS, size=(32, 32))


@pytest.fixture(scope="module")
def direct(trained, tmp_path_factory):
    """A copy of the run of three stages, which goes on with coordinates."""
    import shutil

    from signvip.stages import train
    from signvip.stages.derive import tokenize

    folder = tmp_path_factory.mktemp("direct")
    run, shards = folder / "run", folder / "shards"
    shutil.copytree(trained.run, run)
    values = trained.config.model_dump(mode="json")
    values["translator"] |= {"name": "regression"}
    config = parse_config({**values, "intermediate": "coordinates"})
    train(config, 2, shards=trained.shards, run=run)
    tokenize(trained.shards, shards, run=run)
    train(config, 3, shards=shards, run=run)
    return config, shards, run


def test_a_run_without_an_autoencoder_generates_and_is_measured(direct, tmp_path):
    import signvip
    from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate

    _, shards, run = direct
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    assert isinstance(pipe.autoencoder, Coordinates)
    result = pipe("rain", reference=np.zeros((32, 32, 3), np.uint8), max_frames=3, output_type="np")
    assert result.frames.shape[1:] == (32, 32, 3) and result.tokens.shape[1] == 552
    options = EvaluateOptions(clips=1, metrics=("length_ratio", "reconstruction"))
    found = evaluate(shards, tmp_path, run=str(run), options=options)
    assert [value.name for value in found.values if value.row == "from the text"] == ["length_ratio"]
    assert any("no autoencoder" in item.reason for item in found.left_out)


def test_tokens_again_train_the_autoencoder_again(direct, trained, tmp_path):
    import shutil

    from signvip.run import Run
    from signvip.stages import train
    from signvip.stages.parts import load_tokenizer

    run = shutil.copytree(direct[2], tmp_path / "run")
    with pytest.raises(RunError, match="holds Coordinates, where this configuration asks for Autoencoder"):
        Run(run, trained.config).load("autoencoder", Autoencoder)
    train(trained.config, 2, shards=trained.shards, run=run)
    assert isinstance(load_tokenizer(Run.open(run)), Autoencoder)
