"""Find what is wrong with a set of shards, and what a person should look at before training on it."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND, SPLITS
from signvip.data import fields
from signvip.data.failures import NAME as FAILED
from signvip.data.manifest import Manifest
from signvip.data.shards import ShardIndex, shard_paths, splits_of
from signvip.data.summary import kind
from signvip.errors import SignVipError
from signvip.progress import Reporter
from signvip.storage.json_files import parse_json

NAMED = 5  # clips in one line
STILL, PLAIN = 0.5, 2.0  # of 255: mean change from frame to frame, spread within the first frame
SURE = 0.3  # confidence from which a point counts
FEW_HANDS = 0.5  # share of frames
ABOUT = ("id", "fps", "frames")  # of a sample's json
STRANGE, ENOUGH = 5.0, 20  # median deviations of seconds a word; clips to have a median


@dataclass(frozen=True)
class Finding:
    """One line of the report; `fault` says what is wrong and what to do, `advice` what to look at, or both are None."""

    topic: str
    found: str
    fault: str | None = None
    advice: str | None = None


@dataclass(frozen=True)
class Clip:
    """The facts that are kept about one sample."""

    key: str
    split: str
    id: str
    text: str
    seconds: float
    picture: int | None  # checksum of the video's bytes; None where the shards hold no videos
    still: bool
    hands: float | None  # share of frames with a hand in sight


def examine_shards(shards: Path, reporter: Reporter) -> list[Finding]:
    """Read every field of every sample; nothing that is damaged stops the rest."""
    try:
        manifest = Manifest.read(shards)
    except SignVipError as error:
        return [Finding("manifest", str(shards), str(error))]
    findings, clips = [], []
    for split in splits_of(shards):
        finding, found = _split(shards, split, manifest, reporter)
        findings.append(finding)
        clips += found
    findings += _missing(shards, manifest)
    if clips:
        findings += [_ids(clips), _texts(clips), _pictures(clips), _lengths(clips), *_hands(clips)]
    return [*findings, *_failed(shards)]


def _split(shards: Path, split: str, manifest: Manifest, reporter: Reporter) -> tuple[Finding, list[Clip]]:
    wanted = manifest.splits[split].clips_out if split in manifest.splits else 0
    try:
        index = ShardIndex(shards, split)
    except SignVipError as error:
        return Finding(split, f"{len(shard_paths(shards, split))} shards", str(error)), []
    found = f"{len(index)} clips in {len(index.shards)} shards"
    faults, clips = [], []
    with reporter.task(f"check {split}", len(index)) as task:
        for number in range(len(index)):
            fault, clip = _sample(index, number, split, manifest)
            way = f"delete {index[number].shard} and run {manifest.maker(shards)} again."
            faults += [f"{fault}; {way}"] if fault else []
            clips += [clip] if clip else []
            task.advance()
    if faults:
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        return Finding(split, found, faults[0] + more), clips
    if len(index) != wanted:
        fault = f"the manifest counts {wanted} clips; run {manifest.maker(shards)} again."
        return Finding(split, found, fault), clips
    return Finding(split, found), clips


def _sample(index: ShardIndex, number: int, split: str, manifest: Manifest) -> tuple[str | None, Clip | None]:
    """Return what is wrong with one sample, or the clip."""
    key = index.keys[number]
    try:
        values = {name: index.load(number, name) for name in index.fields(number)}
    except SignVipError as error:
        return str(error).partition("; ")[0], None
    conditions = [fields.condition_field(name) for name in manifest.conditions]
    wanted = [*([fields.VIDEO] if manifest.video else []), fields.META, fields.TEXT, *conditions]
    missing = [name for name in wanted if name not in values]
    missing = missing or [f"{name} in its json" for name in ABOUT if name not in values[fields.META]]
    if missing:
        return f"{key} has no {', '.join(missing)}", None
    if other := _other_sample(values, split):
        return f"{key} {other}", None
    wrong = [*_other_lengths(values), *_other_form(values, manifest)]
    if wrong:
        about = values[fields.META]
        return f"{key} should have {about['frames']} frames, but {', '.join(wrong)}", None
    picture = zlib.crc32(index.read(number, fields.VIDEO)) if manifest.video else None
    return None, _clip(key, split, values, picture)


def _other_sample(values: dict[str, Any], split: str) -> str:
    """Return the sign that a sample belongs elsewhere, or that its members come from two clips; else empty."""
    about = values[fields.META]
    if about.get("split", split) != split:
        return f"is a clip of {about['split']}, and lies in {split}"
    text = values[fields.TEXT]
    return (
        "has another text in its txt than in its json"
        if about.get("text", text).strip() != text.strip()
        else ""
    )


def _other_lengths(values: dict[str, Any]) -> Iterator[str]:
    """Yield fields whose number of frames differs from the sample's json."""
    frames = {name: len(value) for name, value in values.items() if name.endswith(".npy")}
    for name, value in values.items():
        if name.endswith(".npz"):
            frames |= {f"{name}/{part}": len(rows) for part, rows in value.items()}
    if fields.VIDEO in values:
        frames[fields.VIDEO] = len(values[fields.VIDEO][0])
    for name, count in frames.items():
        if count != values[fields.META]["frames"]:
            yield f"{name} {count}"


def _other_form(values: dict[str, Any], manifest: Manifest) -> Iterator[str]:
    """Size and rate, where they are not those of the manifest."""
    if fields.VIDEO in values:
        height, width = values[fields.VIDEO][0].shape[1:3]
        if (height, width) != tuple(
            side + side % 2 for side in manifest.size
        ):  # odd ones are padded in the mp4
            yield f"mp4 {height}x{width} in the place of {manifest.size[0]}x{manifest.size[1]}"
    if abs(values[fields.META]["fps"] - manifest.fps) > 1e-3:
        yield f"{values[fields.META]['fps']:g} frames a second in the place of {manifest.fps:g}"


def _clip(key: str, split: str, values: dict[str, Any], picture: int | None) -> Clip:
    about, text = values[fields.META], values[fields.TEXT].strip()
    still = picture is not None and _is_still(values[fields.VIDEO][0].astype(np.int16))
    seconds = about["frames"] / about["fps"]
    return Clip(key, split, about["id"], text, seconds, picture, still, _hand_share(values))


def _is_still(pixels: np.ndarray) -> bool:
    """Return whether frames (F, H, W, 3) do not move, or are empty."""
    changes = np.abs(np.diff(pixels, axis=0)).mean() if len(pixels) > 1 else 0.0
    return bool(changes < STILL or pixels[0].std() < PLAIN)


def _hand_share(values: dict[str, Any]) -> float | None:
    """Share of frames in which more than half of a hand is seen; None where neither condition says so."""
    hands = fields.find_hands(values)
    if (found := fields.find_points(values)) is not None:
        hands = np.stack([found[1][:, LEFT_HAND], found[1][:, RIGHT_HAND]], axis=1)
    if hands is None:
        return None
    return float(np.mean(((hands[..., -1] >= SURE).mean(axis=2) > 0.5).any(axis=1)))


def _missing(shards: Path, manifest: Manifest) -> Iterator[Finding]:
    """Splits that the manifest counts and that are not there, and splits that training will want."""
    there = splits_of(shards)
    for split in SPLITS:
        counted = manifest.splits[split].clips_out if split in manifest.splits else 0
        if split not in there and counted:
            yield Finding(
                split,
                "no shards",
                f"the manifest counts {counted} clips; run {manifest.maker(shards)} again.",
            )
        elif split not in there:
            wants = {"train": "nothing can be trained", "dev": "training cannot validate"}
            lack = wants.get(split, "evaluate has nothing to measure")
            yield Finding(
                split, "no clips", advice=f"{lack}: name clips of {split} in the dataset, or add more."
            )


def _ids(clips: Sequence[Clip]) -> Finding:
    twice = [name for name, times in Counter(clip.id for clip in clips).items() if times > 1]
    found = f"{len({clip.id for clip in clips})} of {len(clips)} clips"
    if twice:
        return Finding(
            "ids",
            found,
            f"{_named(twice)} occur more than once; run signvip preprocess again, and if they stay, fix the dataset's "
            f"list of clips.",
        )
    return Finding("ids", found)


def _texts(clips: Sequence[Clip]) -> Finding:
    splits: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        splits[clip.text].add(clip.split)
    found = f"{len(splits)} different"
    empty = [clip.id for clip in clips if not clip.text]
    if empty:
        return Finding("texts", found, f"{_named(empty)} have none; leave them out of the dataset.")
    shared = sum(len(there) > 1 for there in splits.values())
    advice = (
        f"{shared} occur in more than one split: what is tested was trained on; give each text one split."
    )
    return Finding("texts", found, advice=advice if shared else None)


def _pictures(clips: Sequence[Clip]) -> Finding:
    if any(clip.picture is None for clip in clips):
        return Finding("pictures", "none: these shards hold no videos, and train stages 2 and 3")
    still = [clip.id for clip in clips if clip.still]
    times = Counter(clip.picture for clip in clips)
    copies = [clip.id for clip in clips if times[clip.picture] > 1]
    found = f"{len(times)} different videos"
    if still:
        return Finding("pictures", found, f"{_named(still)} are empty or do not move; leave them out.")
    advice = f"{_named(copies)} have the same video under different ids." if copies else None
    return Finding("pictures", found, advice=advice)


def _lengths(clips: Sequence[Clip]) -> Finding:
    """Seconds a word, against the median: a clip out of line was cut wrongly, or has another clip's text."""
    seconds = np.array([clip.seconds for clip in clips])
    found = f"{np.median(seconds):.1f} s in the middle, {seconds.min():.1f} to {seconds.max():.1f} s"
    if len(clips) < ENOUGH:
        return Finding("lengths", found)
    pace = np.log([clip.seconds / max(len(clip.text.split()), 1) for clip in clips])
    apart = np.abs(pace - np.median(pace))
    strange = [clips[i].id for i in np.argsort(-apart) if apart[i] > STRANGE * max(np.median(apart), 0.05)]
    advice = f"{_named(strange)} are out of line for the length of their texts." if strange else None
    return Finding("lengths", found, advice=advice)


def _hands(clips: Sequence[Clip]) -> Iterator[Finding]:
    shares = {clip.id: clip.hands for clip in clips if clip.hands is not None}
    if not shares:
        return
    few = sorted((share, name) for name, share in shares.items() if share < FEW_HANDS)
    words = _named([f"{name} ({share:.0%})" for share, name in few])
    advice = f"{words} show a hand in less than half of their frames." if few else None
    yield Finding(
        "hands", f"in {np.mean(list(shares.values())):.1%} of the frames, mean over clips", advice=advice
    )


def _failed(shards: Path) -> Iterator[Finding]:
    path = shards / FAILED
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if not lines:
        return
    try:
        rows = [parse_json(line) for line in lines]
        reasons = Counter(kind(row["reason"]) for row in rows)
        told = "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common(NAMED))
        advice = f"{told}. The first is {rows[0]['id']}; all are in {path}."
    except (ValueError, KeyError, TypeError):
        advice = f"{path} is damaged; delete it and run signvip preprocess again."
    yield Finding("failed", f"{len(lines)} clips or texts without a sample", advice=advice)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
