"""The drawings that are kept as pictures. As a script it draws them anew, to be looked at before they are committed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import signvip
from signvip.contracts import LEFT_HAND

FOLDER = Path(__file__).parent / "approved"
SIZE = (192, 192)


def signer():
    """One frame of the embedded corpus, its hands before the body and apart."""
    reader = signvip.build("dataset", "toysign", size=SIZE)
    clip = reader.load("test", "toy-test-00000")
    return replace(
        clip, frames=clip.frames[14:15], known={key: rows[14:15] for key, rows in clip.known.items()}
    )


def ball(radius, rows=6):
    """Vertices (V, 3) about the origin and triangles (T, 3)."""
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, 2 * rows), indexing="ij"
    )
    xyz = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], axis=-1)
    number = np.arange(polar.size).reshape(polar.shape)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = [np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))]
    return radius * xyz.reshape(-1, 3), np.concatenate(faces)


def meshes(clip, beads=20, radius=0.022):
    """The same hands with a surface: along each finger a string of balls."""
    corners, faces = ball(radius)
    place = np.linspace(0, 3.999, beads)
    low = place.astype(int)
    surface = []
    for finger in range(5):
        joints = clip.known["hands"][:, :, [0, *range(4 * finger + 1, 4 * finger + 5)]]
        line = joints[:, :, low] + (joints[:, :, low + 1] - joints[:, :, low]) * (place - low)[:, None]
        surface.append(line[:, :, :, None] + np.pad(corners, ((0, 0), (0, 1))))
    vertices = np.concatenate(surface, axis=2).reshape(1, 2, -1, 4)
    triangles = np.concatenate([faces + len(corners) * bead for bead in range(5 * beads)])
    return replace(clip, known={**clip.known, "meshes": vertices, "triangles": triangles[None]})


def lost(clip):
    """The same signer without the left hand, and with a finger that ends early."""
    keypoints = np.array(clip.known["keypoints"])
    keypoints[:, LEFT_HAND, 2] = 0.1
    keypoints[:, [127, 126], 2] = 0
    return replace(clip, known={**clip.known, "keypoints": keypoints})


def drawings():
    """Each picture by its name."""
    clip = signer()
    cases = {
        "pose": ("pose", clip, {}),
        "pose-thin": ("pose", clip, {"body": 0.016, "face": 0.004, "hands": 0.006}),
        "pose-lost": ("pose", lost(clip), {}),
        "hand3d": ("hand3d", clip, {}),
        "hand3d-meshes": ("hand3d", meshes(clip), {}),
        "depth": ("depth", clip, {}),
    }
    for name, (condition, of, options) in cases.items():
        built = signvip.build("condition", condition, **options)
        yield name, built.draw(built.extract(of), SIZE)[0]


if __name__ == "__main__":
    for name, picture in drawings():
        Image.fromarray(picture).save(FOLDER / f"{name}.png", optimize=True)
