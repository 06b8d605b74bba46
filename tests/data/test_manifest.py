from __future__ import annotations

import pytest

from signvip.data.manifest import Manifest
from signvip.errors import DataError, MismatchError


@pytest.fixture
def manifest():
    conditions = {"pose": {}, "hand3d": {"radius": 0.2}}
    return Manifest(made_by="signvip 0", dataset="ToySign", conditions=conditions, size=(64, 64), fps=12.0)


def test_it_is_read_as_it_was_written(tmp_path, manifest):
    told = manifest.with_fingerprint("vae", "abc")
    told.write(tmp_path)
    assert Manifest.read(tmp_path) == told and told.fingerprints == {"vae": "abc"}
    assert manifest.fingerprints == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made_by": 1}'])
def test_damage_is_a_sentence(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json is damaged; delete it, and make the shards again"):
        Manifest.read(tmp_path)


def test_no_shards_says_how_to_make_them(tmp_path):
    with pytest.raises(DataError, match=r"no shards in .*signvip preprocess"):
        Manifest.read(tmp_path)


def test_other_weights_are_refused_with_both_fingerprints_and_the_command(tmp_path, manifest):
    told = manifest.with_fingerprint("autoencoder", "old")
    told.check("autoencoder", "old", tmp_path, "signvip tokenize")
    with pytest.raises(
        MismatchError, match=r"another autoencoder \(weights old, this run has new\).*signvip tokenize"
    ):
        told.check("autoencoder", "new", tmp_path, "signvip tokenize")


def test_other_sources_are_refused_with_the_command(tmp_path, manifest):
    manifest.check_sources((64, 64), 12.0, ["pose"], tmp_path)
    for size, fps, conditions, words in [
        ((64, 32), 12.0, ["pose"], "--size 64x32"),
        ((64, 64), 25.0, ["pose"], "--fps 25"),
        ((64, 64), 12.0, ["pose", "depth"], "no depth .*--condition pose --condition depth"),
    ]:
        with pytest.raises(MismatchError, match=words):
            manifest.check_sources(size, fps, conditions, tmp_path)
