"""The files of a demo's clip, and its row of the page: what is true of it beside what was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from signvip.data.language_names import language_name
from signvip.data.video import write_video
from signvip.origin.record import Origin
from signvip.origin.writing import GeneratedVideo
from signvip.registry import build
from signvip.stages.poses import stored_keypoints
from signvip_lab.evaluation.chain import Chain, as_array
from signvip_lab.evaluation.making import GENERATED, REBUILT, TRUTH, Made
from signvip_lab.pages.contents import Boxes, Pane, Row
from signvip_lab.pages.hands import hand_boxes

TRUE, READ = "truth", "text"  # whose hands: those that are stored, and those that the pose head reads
# What is written of each clip: the name of a file, and the row of the numbers that it belongs to.
VIDEOS = {
    "ground truth": TRUTH,
    "from the true conditions": REBUILT,
    "generated from the text": GENERATED,
}


def write_row(out: Path, chain: Chain, made: Made) -> Row:
    """Store the reference picture and the videos of one clip, and return its row."""
    reference = out / f"reference-{made.pick}.png"
    Image.fromarray(made.reference).save(reference)
    videos = made.videos()
    files = {row: _write(out, chain, made, name, videos[row], row) for name, row in VIDEOS.items()}
    conditions = chain.run.config.conditions
    drawn = _write(out, chain, made, "true conditions", _drawn(chain, made), "")
    panes = [
        Pane("Truth", files[TRUTH], hands=TRUE),
        Pane("Made from the text", files[GENERATED], hands=READ),
        Pane("Made from the true conditions", files[REBUILT], hands=TRUE),
        Pane("Conditions of the truth", drawn, parts=list(conditions), hands=TRUE),
    ]
    points = _read_points(chain, made)
    if points is not None and (poses := _draw_points(chain, made, points)) is not None:
        panes.append(
            Pane(
                "Poses read from the text",
                _write(out, chain, made, "poses of the text", poses, ""),
                hands=READ,
            )
        )
    return Row(
        title=_title(made.info),
        about=f"{made.info['signer']}, {len(made.frames)} frames; {len(videos[GENERATED])} from the text",
        fps=chain.run.config.fps,
        frames=max(len(made.frames), len(videos[GENERATED])),
        panes=panes,
        reference=reference,
        hands=_hands(chain, made, points),
    )


def _title(info: Mapping[str, Any]) -> str:
    """Say what is signed, and in which language where that is known."""
    language = info.get("language")
    return f"“{info['text']}”" + (f", {language_name(language).name}" if language else "")


def _write(out: Path, chain: Chain, made: Made, name: str, frames: np.ndarray, row: str) -> Path:
    """Write one video; one that a model made says so."""
    path, fps = out / f"{name.replace(' ', '-')}-{made.pick}.mp4", chain.run.config.fps
    if row in (GENERATED, REBUILT):
        with GeneratedVideo(path, fps, Origin(made.info["text"])) as video:
            video.write(frames)
    else:
        write_video(path, frames, fps)
    return path


def _drawn(chain: Chain, made: Made) -> np.ndarray:
    """Return the true conditions of a clip, side by side: (F, H, K*W, 3) uint8."""
    drawn = chain.clips.conditions(made.pick).unflatten(1, (-1, 3))
    return drawn.permute(0, 3, 1, 4, 2).flatten(2, 3).numpy()


def _hands(chain: Chain, made: Made, points: np.ndarray | None) -> dict[str, Boxes]:
    found = {TRUE: stored_keypoints(chain.clips.coordinates(made.pick)), READ: points}
    size = chain.run.config.size
    return {whose: hand_boxes(known, size) for whose, known in found.items() if known is not None}


@torch.no_grad()
def _read_points(chain: Chain, made: Made) -> np.ndarray | None:
    """Keypoints (F, 128, 3) in fractions that the pose head reads of the written tokens; None where a run has none."""
    if chain.pipe.pose_head is None:
        return None
    height, width = chain.run.config.size
    read = as_array(chain.pipe.poses(chain.pipe.embed(made.written), made.reference))
    return read / np.array([width, height, 1], np.float32)


def _draw_points(chain: Chain, made: Made, points: np.ndarray) -> np.ndarray | None:
    """Draw keypoints by the condition that stores nothing but keypoints; None where no condition does."""
    for name, arrays in chain.clips.coordinates(made.pick).items():
        if set(arrays) == {"keypoints"}:
            painter = build("condition", name, **chain.run.config.conditions[name])
            return np.asarray(painter.draw({"keypoints": points}, chain.run.config.size))
    return None
