"""What is fuzzed: how each kind of file is read, and what a right result of it looks like."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from mutations import changed_bytes, changed_json
from PIL import Image

import signvip
from signvip.contracts import SPLITS
from signvip.errors import PluginError, SignVipError

SEED_TABLES = {
    ".csv": 'path,text,signer,split\r\na.mp4,"rain, and\nwind",Ada,train\r\nb,mild,,dev\r\n',
    ".tsv": "path\ttext\tsigner\na\tsun\tBo\nb.mp4\twind and rain\tnull\n",
    ".jsonl": '{"path": "a.mp4", "text": "rain", "signer": null}\n{"path": "b", "text": "sun", "split": "test"}\n',
    ".txt": "tomorrow it will rain\n\nmild\n",
}


@dataclass(frozen=True)
class Target:
    """Inputs, and what is done with one in an empty folder: it returns whether the result is right, or raises."""

    name: str
    inputs: st.SearchStrategy[Any]
    run: Callable[[Any, Path], bool]


def attempt(target: Target, value: Any, folder: Path) -> str:
    """Run one input: "result" or "refused"; AssertionError for anything else, as for a file written elsewhere."""
    inside = folder / "inside"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir(parents=True)
    try:
        assert target.run(value, inside), "a wrong result"
        outcome = "result"
    except PluginError as error:
        raise AssertionError(f"the reader itself is missing: {error}") from error
    except SignVipError as error:
        said = str(error)
        assert 0 < len(said) < 3000 and len(said.splitlines()) == 1, f"no sentence: {said!r}"
        outcome = "refused"
    assert [path.name for path in folder.iterdir()] == ["inside"], "it wrote outside its folder"
    return outcome


def _shard(data: bytes, folder: Path) -> bool:
    from signvip.data.rewrite import rewrite_shards
    from signvip.data.shards import read_shard

    path = folder / "train-000000.tar"
    path.write_bytes(data)
    samples = read_shard(path)
    for sample in samples:
        for name in sample.members:
            sample.load(name)
    rewrite_shards(folder, folder / "out", lambda sample: {"x.txt": b"x"}, names=["x.txt"], stamp="s")
    return [each.key for each in read_shard(folder / "out" / path.name)] == [each.key for each in samples]


@cache
def seed_shard() -> bytes:
    """Two samples with every kind of field, as bytes of a tar."""
    from signvip.data.fields import encode
    from signvip.data.shards import TarWriter, tarfile

    about = {"id": "a", "text": "rain", "signer": None, "fps": 12.0, "frames": 4, "split": "train"}
    fields = {
        "json": encode("json", about),
        "txt": b"rain",
        "tokens.npy": encode("tokens.npy", np.arange(8, dtype=np.uint16).reshape(4, 2)),
        "pose.npz": encode("pose.npz", {"keypoints": np.zeros((4, 5, 3), np.float32)}),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        writer = TarWriter(tar)
        writer.write("a", {"mp4": seed_video(), **fields})
        writer.write("b", fields)
    return buffer.getvalue()


@cache
def seed_video() -> bytes:
    """Four frames of 32x32 pixels as h264."""
    from signvip.data.video import encode_video

    frames = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), np.uint8)
    return encode_video(frames, 12.0)


def _video(data: bytes, folder: Path) -> bool:
    from signvip.data.video import read_video

    frames, fps = read_video(data)
    return frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3 and fps > 0


@cache
def seed_pictures() -> tuple[bytes, ...]:
    """A small picture in five formats."""
    values = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    pictures = []
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, kind)
        pictures.append(buffer.getvalue())
    return tuple(pictures)


def _picture(data: bytes, folder: Path) -> bool:
    from signvip.data.reference_picture import load_reference

    (folder / "a.png").write_bytes(data)
    made = load_reference(folder / "a.png", (16, 16))
    return made.shape == (16, 16, 3) and made.dtype == np.uint8


@cache
def seed_pose() -> bytes:
    """Three frames of MediaPipe Holistic's points."""
    from signvip.estimation.pose_writing import write_pose

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pose"
        write_pose(path, np.full((3, 128, 3), 20.0, np.float32), size=(64, 64), fps=12.0)
        return path.read_bytes()


def _pose(data: bytes, folder: Path) -> bool:
    from signvip.estimation.pose_files import read_pose

    (folder / "a.pose").write_bytes(data)
    stored = read_pose(folder / "a.pose")
    return min(stored.size) > 0


@cache
def seed_keypoints() -> bytes:
    """Three frames of two people, with size, rate and hands, as an npz."""
    buffer = io.BytesIO()
    points, hands = np.full((3, 2, 128, 2), 20.0, np.float32), np.zeros((3, 2, 21, 4), np.float32)
    scores = np.ones((3, 2, 128), np.float32)
    np.savez(
        buffer, keypoints=points, scores=scores, size=np.array([64, 64]), fps=np.float64(12), hands=hands
    )
    return buffer.getvalue()


def _keypoints(arrays: bytes | dict[str, Any], folder: Path) -> bool:
    from signvip.estimation.stored import read

    path = folder / "a.npz"
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    else:
        np.savez(path, **arrays)
    stored = read(path)
    stored.measure(path)
    assert stored.size is not None
    shapes = {people.shape[1:] for people in stored.people}
    return min(stored.size) > 0 and shapes == {(128, 3)}


def _arrays() -> st.SearchStrategy[dict[str, Any]]:
    """Arrays of other shapes and kinds under the names that are read."""
    odd = st.sampled_from(
        (np.float32(3), np.zeros(0), np.zeros((3, 128, 3)), np.zeros((2, 133, 3), int), np.array("x"), np.array([64]),
         np.array(["a", "b"]), np.array([np.nan, 64]), np.array([-1, 64]), np.array([64, 64]), np.zeros((3, 5, 137, 3)),
         np.full((2, 0, 128, 3), 1.0), np.ones((3, 2, 128, 3), complex), np.array(1e30), np.array([1e300, 1e300]))
    )  # fmt: skip
    sound = {"size": np.array([64, 64]), "fps": np.array(12.0), "keypoints": np.ones((3, 128, 3), np.float32)}
    names = st.sampled_from(("keypoints", "scores", "size", "fps", "hands"))
    return st.dictionaries(names, odd, max_size=2).map(lambda values: sound | values)


SEED_INDEX = (
    "path,spoken_language,signed_language,start,end,words,glosses,priority\nsgg/a.pose,de,sgg,0,0,a,,0\n"
    + ('sgg/b.pose,de,sgg,0,0,"b",,1\nsgg/sch.pose,de,sgg,0,0,sch,,0\n')
)


def _lexicon(data: bytes, folder: Path) -> bool:
    from signvip_datasets.lexicon.index import read_index

    (folder / "sgg").mkdir()
    for name in ("a", "b", "sch"):
        (folder / "sgg" / f"{name}.pose").write_bytes(b"")
    (folder / "index.csv").write_bytes(data)
    entries = [entry for alphabet in read_index(folder).values() for entry in alphabet.entries.values()]
    inside = folder.resolve()
    return bool(entries) and all(entry.path.resolve().is_relative_to(inside) for entry in entries)


def _training() -> tuple[Any, Any, Any]:
    from torch import nn, optim

    torch.manual_seed(0)
    module = nn.Linear(2, 2)
    optimizer = optim.AdamW(module.parameters(), lr=0.1)
    return module, optimizer, {"schedule": optim.lr_scheduler.ConstantLR(optimizer)}


@cache
def seed_checkpoint() -> dict[str, bytes]:
    """A checkpoint after one step, by its files."""
    from accelerate import Accelerator

    from signvip.storage.checkpoints import save_checkpoint

    module, optimizer, others = _training()
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Accelerator(cpu=True), Path(folder), module, optimizer, others)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _checkpoint(changed: dict[str, bytes], folder: Path) -> bool:
    """Resume, and take a step: what was read has to be of use."""
    from accelerate import Accelerator

    from signvip.training.resume import resume

    target = folder / "checkpoint-0000001"
    target.mkdir()
    for name, data in (seed_checkpoint() | changed).items():
        (target / name).write_bytes(data)
    module, optimizer, others = _training()
    step = resume(Accelerator(cpu=True), folder, module, optimizer, others)
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    others["schedule"].step()
    return step == 1 and all(bool(weight.isfinite().all()) for weight in module.parameters())


def _changed_checkpoint() -> st.SearchStrategy[dict[str, bytes]]:
    files = seed_checkpoint()
    texts = [changed_json(json.loads(data)).map(lambda new, name=name: {name: new}) for name, data in files.items()
             if name.endswith(".json")]  # fmt: skip
    tensors = [changed_bytes(data).map(lambda new, name=name: {name: new}) for name, data in files.items()
               if name.endswith(".safetensors")]  # fmt: skip
    return st.one_of(*texts, *tensors)


ABOUT, TEXTS = "evaluator.json", ["rain in the north", "sun in the south"]


@cache
def seed_evaluator() -> dict[str, bytes]:
    """An untrained back-translator of poses, by its files."""
    from evaluators import TINY

    from signvip_lab.backtranslation.back_translator import run_of
    from signvip_lab.backtranslation.config import load_back_translator_config
    from signvip_lab.backtranslation.networks import FeatureScale, PoseReader, build_network
    from signvip_lab.backtranslation.poses import WIDTH
    from signvip_lab.backtranslation.true_clips import CODEC
    from signvip_lab.backtranslation.vocabulary import build_tokenizer

    config = load_back_translator_config("small", settings=TINY, flags={"modality": "pose"})
    corpus = {"dataset": "ToySign", "options": {}, "size": [32, 32], "fps": 12.0, "codec": CODEC}
    config = config.model_copy(update={"corpus": corpus})
    torch.manual_seed(0)
    tokenizer = build_tokenizer(TEXTS, ["en", "en"])
    front, reader = (
        FeatureScale(WIDTH),
        PoseReader(config.frames.size, config.frames.channels, config.frames.width),
    )
    front.fit(torch.randn(8, WIDTH))
    with tempfile.TemporaryDirectory() as name:
        folder, run = Path(name), run_of(config, Path(name))
        parts = {
            "translator": build_network(config.translator, WIDTH, tokenizer),
            "front": front,
            "poses": reader,
        }
        for part, network in {**parts, "tokenizer": tokenizer}.items():
            run.save(part, network)
        about = {"config": config.model_dump(mode="json"), "extractor": "keypoints", "beams": 1,
                 "n": {"train": 2, "dev": 1}, "fingerprint": ""}  # fmt: skip
        (folder / ABOUT).write_text(json.dumps(about))
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _evaluator(changed: dict[str, bytes], folder: Path) -> bool:
    """Open a folder whose fingerprint is right, as a stranger's would be, and read a clip."""
    from signvip_lab.backtranslation.back_translator import BackTranslator, fingerprint_of

    for name, data in (seed_evaluator() | changed).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        (folder / ABOUT).write_text(json.dumps({**about, "fingerprint": fingerprint_of(folder)}))
    except (ValueError, TypeError, RecursionError):
        pass  # it is refused as it is
    evaluator = BackTranslator.open(folder)
    assert evaluator.signature
    read = evaluator.read([np.zeros((3, 32, 32, 3), np.uint8)], ["en"])
    return len(read) == 1 and isinstance(read[0], str)


def _changed_evaluator() -> st.SearchStrategy[dict[str, bytes]]:
    files = seed_evaluator()
    one = {name: changed_json(json.loads(data)) if name.endswith(".json") else changed_bytes(data)
           for name, data in files.items()}  # fmt: skip
    return st.one_of(*(how.map(lambda new, name=name: {name: new}) for name, how in one.items()))


def _manifest(data: bytes, folder: Path) -> bool:
    from signvip.data.manifest import Manifest

    (folder / "manifest.json").write_bytes(data)
    manifest = Manifest.read(folder)
    manifest.check_sources(manifest.size, manifest.fps, list(manifest.conditions), folder)
    return all(side > 0 for side in manifest.size) and manifest.fps > 0


SEED_MANIFEST = {
    "version": 1, "made_by": "signvip", "dataset": "ToySign", "dataset_options": {"train": 4},
    "conditions": {"pose": {}}, "estimators": {}, "size": [32, 32], "fps": 12.0, "fit": "crop",
    "fingerprints": {"vae": "0123"},
    "splits": {"train": {"clips_in": 2, "clips_out": 2, "failed": 0, "frames": 8, "seconds": 0.6, "signers": 1}},
}  # fmt: skip


def _failures(data: bytes, folder: Path) -> bool:
    from signvip.data.failures import Failures

    (folder / "failed.jsonl").write_bytes(data)
    failures = Failures(folder)
    failures.write()
    return all(isinstance(reason, str) for reason in failures.reasons.values())


def _run(data: bytes, folder: Path) -> bool:
    from signvip.run import Run

    (folder / "config.json").write_bytes(data)
    return Run.open(folder).config.fps > 0


def _index(data: bytes, folder: Path) -> bool:
    from signvip.generation import stored
    from signvip.storage.loading import read_index

    (folder / "model_index.json").write_bytes(data)
    named, values = read_index(folder, stored.BASES, stored.SCHEDULERS, stored.INDEXED)
    stored.check_values(folder, values)
    return set(named) <= {*stored.BASES, *stored.INDEXED, "scheduler"}


def _embedded(name: str) -> bytes:
    from signvip.generate import embedded_run

    return (embedded_run() / name).read_bytes()


def _part(files: tuple[bytes, bytes], folder: Path) -> bool:
    from signvip.models import ConditionEncoder
    from signvip.storage.loading import OPTIONS, WEIGHTS, load_part

    (folder / OPTIONS).write_bytes(files[0])
    (folder / WEIGHTS).write_bytes(files[1])
    network = load_part(folder, ConditionEncoder, "make it again.")
    return all(weight.is_floating_point() for weight in network.parameters())


def _scheduler(data: bytes, folder: Path) -> bool:
    from signvip.storage.loading import SCHEDULE, load_scheduler

    (folder / SCHEDULE).write_bytes(data)
    return load_scheduler(folder, "DDIMScheduler", "make it again.") is not None


def _corpus(table: tuple[str, bytes], folder: Path) -> bool:
    kind, data = table
    clips = folder / "clips"
    clips.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (clips / name).write_bytes(b"")
    (clips / (f"labels{kind}" if kind in (".csv", ".tsv", ".jsonl") else f"a{kind}")).write_bytes(data)
    reader = signvip.build("dataset", "folder", source=str(clips))
    names = [clip_id for split in SPLITS for clip_id in reader.ids(split)]
    return len(names) == len(set(names)) and all(isinstance(name, str) and name for name in names)


def _requests(table: tuple[str, bytes], folder: Path) -> bool:
    from signvip.data.requests import many

    kind, data = table
    (folder / f"all{kind}").write_bytes(data)
    made = many(folder / f"all{kind}", folder / "ref.png", folder / "out", folder / "poses")
    out = (folder / "out").resolve()
    return bool(made) and all(request.output.resolve().is_relative_to(out) for request in made)


def _toml(data: bytes, folder: Path) -> bool:
    from signvip.config import load_config

    (folder / "mine.toml").write_bytes(data)
    return load_config("tiny", folder / "mine.toml").fps > 0


def _study(data: bytes, folder: Path) -> bool:
    from signvip_lab.ablation.study import read_study

    (folder / "mine.toml").write_bytes(data)
    return "/" not in read_study(str(folder / "mine.toml")).name


def _tables(seeds: dict[str, str]) -> st.SearchStrategy[Any]:
    return st.one_of(
        *(st.tuples(st.just(kind), changed_bytes(seed.encode())) for kind, seed in seeds.items())
    )


def _beside() -> st.SearchStrategy[Any]:
    seed = {"text": "rain", "signer": "Ada", "language": "ase", "split": "train", "start": 0.5}
    return st.tuples(st.just(".json"), changed_json(seed))


SEED_TOML = 'size = [32, 32]\nfps = 8\n[sampler]\nsteps = 4\n[translator]\nname = "gpt2"\nlayers = 2\n'
SEED_STUDY = """name = "mine"
title = "t"
[[axis]]
name = "a"
values = [1, 2]
[[figure]]
name = "f"
x = "a"
y = ["b/c"]
"""
SEED_FAILED = '{"split": "train", "id": "a", "reason": "it is cut short"}\n'


@cache
def targets() -> dict[str, Target]:
    """All of them, by name."""
    found = [
        Target("shards", changed_bytes(seed_shard()), _shard),
        Target("manifests", changed_json(SEED_MANIFEST), _manifest),
        Target("lists of failures", changed_bytes(SEED_FAILED.encode()), _failures),
        Target("runs: config.json", changed_json(json.loads(_embedded("config.json"))), _run),
        Target("runs: model_index.json", changed_json(json.loads(_embedded("model_index.json"))), _index),
        Target(
            "runs: parts",
            st.one_of(  # one of the two files: with both spoilt hardly anything is left to read
                st.tuples(
                    changed_json(json.loads(_embedded("condition_encoder/config.json"))),
                    st.just(_embedded("condition_encoder/diffusion_pytorch_model.safetensors")),
                ),
                st.tuples(
                    st.just(_embedded("condition_encoder/config.json")),
                    changed_bytes(_embedded("condition_encoder/diffusion_pytorch_model.safetensors")),
                ),
            ),
            _part,
        ),
        Target(
            "runs: schedulers",
            changed_json(json.loads(_embedded("scheduler/scheduler_config.json"))),
            _scheduler,
        ),
        Target("tables of corpora", st.one_of(_tables(SEED_TABLES), _beside()), _corpus),
        Target("tables of generate", _tables(SEED_TABLES), _requests),
        Target("configurations", changed_bytes(SEED_TOML.encode()), _toml),
        Target("studies", changed_bytes(SEED_STUDY.encode()), _study),
        Target(".pose files", changed_bytes(seed_pose()), _pose),
        Target("keypoints (npz)", st.one_of(changed_bytes(seed_keypoints()), _arrays()), _keypoints),
        Target("indices of lexicons", changed_bytes(SEED_INDEX.encode()), _lexicon),
        Target("checkpoints", _changed_checkpoint(), _checkpoint),
        Target("evaluators", _changed_evaluator(), _evaluator),
        Target("videos", changed_bytes(seed_video()), _video),
        Target("pictures", st.one_of(*map(changed_bytes, seed_pictures())), _picture),
    ]
    return {target.name: target for target in found}
