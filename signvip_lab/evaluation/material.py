"""Sort clips by what metrics take: for each row of the table, the sets that can be made of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signvip.data.baseline import STILL
from signvip.data.trajectories import joints
from signvip.errors import DataError, SignVipError
from signvip.footprint.parameters import count
from signvip.measures import Cost, Signing
from signvip.models import EmbeddingTokenizer
from signvip.progress import Reporter
from signvip.stages.poses import stored_keypoints
from signvip_lab.backtranslation.back_translator import BackTranslator
from signvip_lab.backtranslation.oracle import oracle_texts
from signvip_lab.evaluation.chain import Chain, as_array
from signvip_lab.evaluation.making import GENERATED, REBUILT, ROWS, TRUTH, Made
from signvip_lab.evaluation.reading import NO_BACK_TRANSLATOR, ORACLE
from signvip_lab.evaluation.sets import Lazy, Material, Pair
from signvip_lab.evaluation.wrists import fit_probe, wrist_positions

UNALIGNED = "it compares aligned frames, and clips from the text have lengths of their own"
NOTHING_COUNTS = "no frame of these clips differs from its reference picture"
NO_FINDER = (
    "a pose back-translator finds faces in generated frames; train one with: signvip train-back-translator "
    "--modality pose"
)
NO_HEAD = (
    "this run has no pose head, as runs of earlier versions and presets without [stage2_poses]: a linear probe reads "
    "wrists in its place, for dtw and mpjpe"
)
PIXELS = {"videos", "clips", "identities", "costs"}  # what asks for generated frames, which take long


@dataclass
class Gathered:
    """All rows; how many frames there are and how many of them count; the clips' ids and sentences, in order."""

    rows: dict[str, Material]
    frames: int
    counting: int
    ids: list[str]
    sentences: list[str]


def gather(
    chain: Chain,
    clips: list[Made],
    takes: Collection[str],
    evaluators: Mapping[str, BackTranslator],
    shards: Path,
    reporter: Reporter,
) -> Gathered:
    """Sort what was made by what metrics take; the ground truth is compared with itself, as far as its pixels go."""
    reads = bool(evaluators) and "texts" in takes
    pictured = clips[0].rebuilt is not None
    rows = {name: Material() for name in (clips[0].videos() if pictured else ROWS)}
    if pictured:
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
        _add_poses(rows, clips, chain)
    if "identities" in takes:
        _add_identities(rows, clips, evaluators.get("pose"))
    if reads:
        _add_texts(rows, clips, evaluators, shards, reporter)
    else:
        for row in rows.values():
            row.lacks["texts"] = NO_BACK_TRANSLATOR
    counts = [clip.counts for clip in clips]
    ids, sentences = ([str(clip.info[key]) for clip in clips] for key in ("id", "text"))
    return Gathered(rows, sum(map(len, counts)), int(sum(map(np.sum, counts))), ids, sentences)


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
    """Return the pictures of each row."""
    videos = [clip.videos() for clip in clips]
    return {row: [made[row] for made in videos] for row in videos[0]}


def _counting(items: Sequence[Any], clips: list[Made], moving: list[int]) -> Lazy:
    """Return the frames that count, of clips that have some: videos, or videos with keypoints."""

    def make(place: int) -> Any:
        item, counts = items[moving[place]], clips[moving[place]].counts
        return Signing(*(part[counts] for part in item)) if isinstance(item, Signing) else item[counts]

    return Lazy(len(moving), make)


def _add_identities(rows: dict[str, Material], clips: list[Made], finder: BackTranslator | None) -> None:
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


def _found(videos: Sequence[np.ndarray], finder: BackTranslator) -> Lazy:
    """Return the videos with the keypoints that an extractor sees in them."""
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
    tokenizer, through = chain.pipe.autoencoder, chain.pipe.embed
    if not isinstance(tokenizer, EmbeddingTokenizer):
        rows[REBUILT].lacks["embeddings"] = "this run has no autoencoder: its translator predicts coordinates"
        return
    scale = tokenizer.standardise
    rows[REBUILT].pairs["embeddings"] = Pair(
        Lazy(len(clips), lambda place: as_array(scale(through(clips[place].tokens)))),
        Lazy(len(clips), lambda place: as_array(scale(chain.embeddings(clips[place].pick)))),
    )


@torch.no_grad()
def _add_poses(rows: dict[str, Material], clips: list[Made], chain: Chain) -> None:
    """Keypoints in pixels that the run's head reads, and of them arms and hands as fractions of the frame.

    The row of the ground truth has the error of the reading. The likeliest places count, be they seen or not: a point
    that is not found where the truth has one is an error.
    """
    height, width = chain.run.config.size
    scale = np.array([width, height, 1], np.float32)
    known = [stored_keypoints(chain.clips.coordinates(clip.pick)) for clip in clips]
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
    """Read, frame by frame, the embeddings that each row's video is, or would be, made from."""
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
    evaluators: Mapping[str, BackTranslator],
    shards: Path,
    reporter: Reporter,
) -> None:
    """Add what each back-translator reads; true frames came out of the codec that generated ones go through here."""
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


def _floats(videos: Sequence[np.ndarray]) -> Lazy:
    return Lazy(len(videos), lambda place: videos[place].astype(np.float32) / 255)


def _signings(videos: Sequence[np.ndarray], clips: Sequence[Made]) -> Lazy:
    frames = _floats(videos)
    return Lazy(len(videos), lambda place: Signing(frames[place], np.asarray(clips[place].keypoints)))
