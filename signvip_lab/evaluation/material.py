"""What metrics are given: for each row of the table, the sets that can be made of some clips of a split."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from signvip.data.counting import STILL, counting, still
from signvip.data.trajectories import joints
from signvip.errors import DataError, MismatchError, SignVipError
from signvip.measures import Cost, Signing
from signvip.models import EmbeddingCodec
from signvip.progress import Reporter
from signvip.sizes import count
from signvip.stages.codecs import tokens_of
from signvip.stages.poses import stored_keypoints
from signvip.training import step_seed
from signvip_lab.backtranslation.evaluator import Evaluator
from signvip_lab.backtranslation.oracle import oracle_texts
from signvip_lab.evaluation.chain import Chain, as_array, fit_probe
from signvip_lab.evaluation.reading import NO_EVALUATOR, ORACLE
from signvip_lab.evaluation.wrists import wrist_positions

TRUTH, REBUILT, GENERATED = "ground truth", "from true conditions", "from the text"
ROWS = (TRUTH, REBUILT, GENERATED, STILL)
UNALIGNED = "it compares aligned frames, and clips from the text have lengths of their own"
NOTHING_COUNTS = "no frame of these clips differs from its reference picture"
NO_FINDER = "a pose evaluator finds faces in generated frames; train one with: signvip train-evaluator --modality pose"
NO_HEAD = (
    "this run has no pose head, as runs of earlier versions and presets without [stage2_poses]: a linear probe reads "
    "wrists in its place, for dtw and mpjpe"
)
PIXELS = {"videos", "clips", "identities", "costs"}  # what asks for generated frames, which take long


class Lazy(Sequence[Any]):
    """A sequence whose items are made when they are asked for: bytes take a quarter of the memory of floats."""

    def __init__(self, count: int, make: Callable[[int], Any]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._make(place) for place in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._make(index % self._count)


@dataclass(frozen=True)
class Pair:
    """What a metric compares: generated and true, item by item."""

    generated: Sequence[Any]
    truth: Sequence[Any]


@dataclass
class Material:
    """What one row has, by what metrics take; and a sentence for what it lacks.

    `texts` has a pair for each evaluator, by what it reads; `aligned` the frames that count, for metrics that compare
    frame by frame.
    """

    pairs: dict[str, Pair] = field(default_factory=dict)
    aligned: dict[str, Pair] = field(default_factory=dict)
    texts: dict[str, Pair] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)
    lacks_aligned: str | None = None

    def sets(self, takes: str, aligned: bool = False) -> dict[str, Pair]:
        """What a metric is computed on, by evaluator; the name is empty where none has a part in it."""
        if takes == "texts":
            return self.texts
        pairs = self.aligned if aligned else self.pairs
        return {"": pairs[takes]} if takes in pairs else {}

    def lack(self, takes: str, aligned: bool = False) -> str | None:
        """Why there is nothing to compute a metric on; None where this row is not spoken of."""
        return (self.lacks_aligned if aligned else None) or self.lacks.get(takes)


@dataclass
class Gathered:
    """All rows; how many frames there are and how many of them count; the clips' ids and sentences, in order."""

    rows: dict[str, Material]
    frames: int
    counting: int
    ids: list[str]
    sentences: list[str]


@dataclass
class Made:
    """One clip: what is true of it and what was made of it. Frames (F, H, W, 3) uint8, tokens (F, N) on the CPU.

    Embeddings are not kept: at full size those of a split would fill a card, and any memory, at 2 MB a frame or more.
    """

    pick: int
    info: dict[str, Any]
    frames: np.ndarray
    keypoints: np.ndarray | None
    tokens: Tensor
    written: Tensor  # tokens that the translator wrote for the text
    rebuilt: np.ndarray | None = None
    generated: np.ndarray | None = None
    seconds: float = 0.0

    @property
    def still(self) -> np.ndarray:
        """The reference picture, as long as the clip."""
        return still(self.frames[-1], len(self.frames))

    @cached_property
    def counts(self) -> np.ndarray:
        """Which frames count where pictures are compared frame by frame: (F,) bool."""
        return counting(self.frames, self.frames[-1])


def gather(
    chain: Chain,
    picks: Sequence[int],
    takes: Collection[str],
    evaluators: Mapping[str, Evaluator],
    shards: Path,
    seed: int,
    reporter: Reporter,
) -> Gathered:
    """Make what the metrics ask for; the ground truth is compared with itself, as far as its pixels go."""
    reads = bool(evaluators) and "texts" in takes
    with reporter.task("clips", len(picks)) as task:
        clips = []
        for pick in picks:
            clips.append(make(chain, pick, seed, pixels=reads or bool(PIXELS & set(takes))))
            task.advance()
    rows = {name: Material() for name in ROWS}
    if clips[0].rebuilt is not None:
        _add_videos(rows, clips)
        _add_costs(rows, clips, chain)
    _add_tokens(rows, clips)
    _add_embeddings(rows, clips, chain)
    if chain.pipe.pose_head is None:
        if "poses" in takes:
            _add_wrists(rows, clips, chain, shards)
        for row in rows.values():
            row.lacks["keypoints"] = NO_HEAD
    elif {"poses", "keypoints"} & set(takes):
        _add_poses(rows, clips, chain, picks)
    if "identities" in takes:
        _add_identities(rows, clips, evaluators.get("pose"))
    if reads:
        _add_texts(rows, clips, evaluators, shards, reporter)
    else:
        for row in rows.values():
            row.lacks["texts"] = NO_EVALUATOR
    counts = [clip.counts for clip in clips]
    ids, sentences = ([str(clip.info[key]) for clip in clips] for key in ("id", "text"))
    return Gathered(rows, sum(map(len, counts)), int(sum(map(np.sum, counts))), ids, sentences)


@torch.no_grad()
def make(chain: Chain, pick: int, seed: int, pixels: bool) -> Made:
    """One clip, from its true conditions and from its text; the last frame is the reference picture, as on dev."""
    info = chain.clips.info(pick)
    if abs(info["fps"] - chain.run.config.fps) > 1e-3:
        raise MismatchError(
            f"The clips have {info['fps']:g} frames a second, the run {chain.run.config.fps:g}; make the shards again "
            "with: signvip preprocess"
        )
    e = chain.embeddings(pick)
    frames = chain.clips.frames(pick, range(info["frames"])).permute(0, 2, 3, 1).numpy()
    tokens = tokens_of(chain.pipe.autoencoder, chain.clips, pick, lambda: e).cpu()
    clip = Made(
        pick=pick,
        info=info,
        frames=frames,
        keypoints=_keypoints(chain, pick),
        tokens=tokens,
        written=tokens,
    )
    own = step_seed(seed, info["id"], 0)  # of the clip, so that a subset gives the same videos
    begin = time.perf_counter()
    if not pixels:
        clip.written = chain.pipe.translate([info["text"]])[0].cpu()
        return clip
    clip.generated, written = chain.generate(info["text"], frames[-1], own)
    clip.seconds, clip.written = time.perf_counter() - begin, written.cpu()
    clip.rebuilt = chain.video(e, frames[-1], own)
    return clip


def _keypoints(chain: Chain, pick: int) -> np.ndarray | None:
    if "pose.npz" not in chain.clips.index.fields(pick):
        return None
    return np.asarray(chain.clips.index.load(pick, "pose.npz")["keypoints"])


def _add_videos(rows: dict[str, Material], clips: list[Made]) -> None:
    truth = [clip.frames for clip in clips]
    posed = all(clip.keypoints is not None for clip in clips)
    moving = [place for place, clip in enumerate(clips) if clip.counts.any()]
    for row, made in _videos(clips).items():
        material = rows[row]
        material.pairs["videos"] = Pair(_floats(made), _floats(truth))
        if posed:
            material.pairs["clips"] = Pair(_signings(made, clips), _signings(truth, clips))
        else:
            material.lacks["clips"] = "these shards have no pose, so nobody knows where hands and faces are"
        if row == GENERATED or not moving:
            material.lacks_aligned = UNALIGNED if moving else NOTHING_COUNTS
            continue
        for takes, pair in material.pairs.items():
            material.aligned[takes] = Pair(
                _counting(pair.generated, clips, moving), _counting(pair.truth, clips, moving)
            )


def _videos(clips: list[Made]) -> dict[str, list[np.ndarray]]:
    """The pictures of each row."""
    return {
        TRUTH: [clip.frames for clip in clips],
        REBUILT: [_made(clip.rebuilt) for clip in clips],
        GENERATED: [_made(clip.generated) for clip in clips],
        STILL: [clip.still for clip in clips],
    }


def _counting(items: Sequence[Any], clips: list[Made], moving: list[int]) -> Lazy:
    """The frames that count, of clips that have some: videos, or videos with keypoints."""

    def make(place: int) -> Any:
        item, counts = items[moving[place]], clips[moving[place]].counts
        return Signing(*(part[counts] for part in item)) if isinstance(item, Signing) else item[counts]

    return Lazy(len(moving), make)


def _add_identities(rows: dict[str, Material], clips: list[Made], finder: Evaluator | None) -> None:
    """Frames, and the reference picture that they must look like; in true clips that picture itself is left out."""
    if finder is None:
        for material in rows.values():
            material.lacks["identities"] = NO_FINDER
        return
    pictures = [clip.frames[-1:] for clip in clips]
    references = _found(pictures, finder)
    true = [clip.frames[:-1] if len(clip.frames) > 1 else clip.frames for clip in clips]
    for row, made in {**_videos(clips), TRUTH: true, STILL: pictures}.items():
        rows[row].pairs["identities"] = Pair(_found(made, finder), references)


def _found(videos: Sequence[np.ndarray], finder: Evaluator) -> Lazy:
    """Videos with the keypoints that an extractor sees in them."""
    frames, points = _floats(videos), [finder.keypoints(video) for video in videos]
    return Lazy(len(videos), lambda place: Signing(frames[place], points[place]))


def _add_costs(rows: dict[str, Material], clips: list[Made], chain: Chain) -> None:
    parameters = sum(count(network) for network in chain.generating().values())
    costs = [Cost(len(clip.written), clip.seconds, parameters) for clip in clips]
    rows[GENERATED].pairs["costs"] = Pair(costs, costs)


def _add_tokens(rows: dict[str, Material], clips: list[Made]) -> None:
    truth = [clip.tokens.numpy() for clip in clips]
    rows[TRUTH].pairs["tokens"] = Pair(truth, truth)
    rows[GENERATED].pairs["tokens"] = Pair([clip.written.numpy() for clip in clips], truth)


def _add_embeddings(rows: dict[str, Material], clips: list[Made], chain: Chain) -> None:
    codec, through = chain.pipe.autoencoder, chain.pipe.embed
    if not isinstance(codec, EmbeddingCodec):
        rows[REBUILT].lacks["embeddings"] = "this run has no autoencoder: its translator predicts coordinates"
        return
    scale = codec.standardise
    rows[REBUILT].pairs["embeddings"] = Pair(
        Lazy(len(clips), lambda place: as_array(scale(through(clips[place].tokens)))),
        Lazy(len(clips), lambda place: as_array(scale(chain.embeddings(clips[place].pick)))),
    )


@torch.no_grad()
def _add_poses(rows: dict[str, Material], clips: list[Made], chain: Chain, picks: Sequence[int]) -> None:
    """Keypoints in pixels that the run's head reads, and of them arms and hands as fractions of the frame.

    The row of the ground truth has the error of the reading. The likeliest places count, be they seen or not: a point
    that is not found where the truth has one is an error.
    """
    height, width = chain.run.config.size
    scale = np.array([width, height, 1], np.float32)
    known = [stored_keypoints(chain.clips.coordinates(pick)) for pick in picks]
    truth = [points * scale for points in known if points is not None]
    if len(truth) < len(clips):
        for row in rows.values():
            row.lacks["poses"] = row.lacks["keypoints"] = "these shards hold no keypoints to compare with"
        return
    head = chain.pipe.pose_head
    for name, made in _readings(clips, chain, lambda e: as_array(head.locate(e))).items():
        rows[name].pairs["keypoints"] = Pair(made, truth)
        rows[name].pairs["poses"] = Pair(
            *([joints(points / scale) for points in clip] for clip in (made, truth))
        )


def _readings(
    clips: list[Made], chain: Chain, read: Callable[[Tensor], np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """What is read, frame by frame, from the embeddings that each row's video is, or would be, made from."""
    true = [read(chain.embeddings(clip.pick)) for clip in clips]
    return {
        TRUTH: true,
        REBUILT: [read(chain.pipe.embed(clip.tokens)) for clip in clips],
        GENERATED: [read(chain.pipe.embed(clip.written)) for clip in clips],
        STILL: [np.repeat(found[-1:], len(found), axis=0) for found in true],
    }


def _add_wrists(rows: dict[str, Material], clips: list[Made], chain: Chain, shards: Path) -> None:
    """Wrists, read from embeddings by a linear probe: the row of the ground truth has the error of the reading."""
    try:
        if any(clip.keypoints is None for clip in clips):
            raise DataError("these shards have no pose")
        probe = fit_probe(chain, shards)
    except SignVipError as error:
        for row in rows.values():
            row.lacks["poses"] = f"wrists are read by a probe that is fitted on train and dev: {error}"
        return
    truth = [wrist_positions(clip.keypoints) for clip in clips if clip.keypoints is not None]
    for name, positions in _readings(clips, chain, lambda e: probe(as_array(e))).items():
        rows[name].pairs["poses"] = Pair(positions, truth)


def _add_texts(
    rows: dict[str, Material],
    clips: list[Made],
    evaluators: Mapping[str, Evaluator],
    shards: Path,
    reporter: Reporter,
) -> None:
    """What each evaluator reads; true frames came out of the codec that generated ones go through here."""
    truth = [str(clip.info["text"]) for clip in clips]
    languages = [str(clip.info["text_language"]) for clip in clips]
    videos = _videos(clips)
    with reporter.task("read", len(videos) * len(evaluators)) as task:
        for name, evaluator in evaluators.items():
            for row, made in videos.items():
                read = evaluator.read if row == TRUTH else evaluator.read_generated
                rows[row].texts[name] = Pair(read(made, languages), truth)
                task.advance()
    known = oracle_texts(shards, [clip.info for clip in clips])
    if known is not None:
        rows[ORACLE] = Material(texts={name: Pair(known, truth) for name in evaluators})


def _made(frames: np.ndarray | None) -> np.ndarray:
    assert frames is not None  # they were asked for
    return frames


def _floats(videos: Sequence[np.ndarray]) -> Lazy:
    return Lazy(len(videos), lambda place: videos[place].astype(np.float32) / 255)


def _signings(videos: Sequence[np.ndarray], clips: Sequence[Made]) -> Lazy:
    frames = _floats(videos)
    return Lazy(len(videos), lambda place: Signing(frames[place], np.asarray(clips[place].keypoints)))
