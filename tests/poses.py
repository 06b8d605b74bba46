"""`.pose` files for tests: any parts, written by the library that defines them; and small lexica of drawn hands."""

from __future__ import annotations

import struct

import numpy as np
from signvip_toysign.face_points import landmarks
from signvip_toysign.hand import forward, handshape
from signvip_toysign.rotations import axes, orientation

from signvip.contracts import FACE, LEFT_HAND, RIGHT_HAND
from signvip.estimation.facemesh import IBUG_OF_FACE_MESH
from signvip.estimation.layouts import OF_BLAZEPOSE
from signvip.estimation.pose_files import BLAZEPOSE

Z_UNIT = 664.0  # pixels that stored z is worth in sign.mt's lexica, which scale x and y alone
SIDE = 500
WIDE = (90, 160)
HANDS = {"LEFT_HAND_LANDMARKS": LEFT_HAND, "RIGHT_HAND_LANDMARKS": RIGHT_HAND}
HAND_NAMES = ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS")
COLUMNS = "path,spoken_language,signed_language,start,end,words,glosses,priority"


def write_pose(path, parts, fps=24.0, size=(90, 160), people=1, version=0.2):
    """`parts` maps a component's name to its points' names and (F, n, D + 1) coordinates in pixels, confidence."""
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    dims = next(iter(parts.values()))[1].shape[-1] - 1
    components = [
        PoseHeaderComponent(name, list(names), [], [], "XYZC"[:dims] + "C")
        for name, (names, _) in parts.items()
    ]
    header = PoseHeader(0.1, PoseHeaderDimensions(size[1], size[0], size[1]), components)
    everything = np.concatenate([values for _, values in parts.values()], axis=1)[:, None].astype(np.float32)
    everything = np.repeat(everything, people, axis=1)
    body = NumPyPoseBody(fps, np.ma.masked_array(everything[..., :-1]), everything[..., -1])
    with path.open("wb") as file:
        header.write(file)
        if version == 0.2:
            body.write(version, file)
        else:  # the library writes no older ones
            file.write(older_body(fps, everything, components, version))
        file.seek(0)
        file.write(struct.pack("<f", version))


def older_body(fps, everything, components, version):
    """The body of a file of version 0.0 or 0.1, of (F, P, points, D + 1)."""
    frames, people = everything.shape[:2]
    if version == 0.1:
        head = struct.pack("<HHH", round(fps), frames, people)
        return (
            head + everything[..., :-1].astype("<f4").tobytes() + everything[..., -1].astype("<f4").tobytes()
        )
    rows = [struct.pack("<HH", round(fps), frames)]
    for frame in everything.astype("<f4"):
        rows.append(struct.pack("<H", people))
        rows += [struct.pack("<h", 0) + person.tobytes() for person in frame]
    return b"".join(rows)


def holistic(signer, body=BLAZEPOSE, mesh=range(468), size=WIDE):
    """MediaPipe's parts of a signer whose every point is known; z of the hands as a fraction of the width."""
    points, hands = np.array(signer.known["keypoints"]), np.array(signer.known["hands"])
    pixels = np.zeros((len(points), 128, 4))
    pixels[..., [0, 1, 3]] = points * (size[1], size[0], 1)
    whole, face = np.zeros((len(points), 33, 4)), np.zeros((len(points), 478, 4))
    whole[:, [OF_BLAZEPOSE[point] for point in range(18) if point != 1]] = pixels[
        :, [*range(1), *range(2, 18)]
    ]
    face[:, IBUG_OF_FACE_MESH] = pixels[:, FACE]
    parts = {
        "POSE_LANDMARKS": (body, whole[:, [BLAZEPOSE.index(name) for name in body]]),
        "FACE_LANDMARKS": ([str(number) for number in mesh], face[:, list(mesh)]),
    }
    for side, (name, part) in enumerate(HANDS.items()):
        pixels[:, part, 2] = hands[:, side, :, 2]
        parts[name] = ([f"{number}" for number in range(21)], pixels[:, part])
    return parts


def signer_parts(frames, hands):
    """MediaPipe's parts of a signer seen to the chest; `hands` maps a side to joints (F, 21, 3) in pixels."""
    body = np.zeros((frames, 33, 4))
    places = {
        "NOSE": (250, 140), "LEFT_EYE": (270, 120), "RIGHT_EYE": (230, 120), "LEFT_EAR": (300, 130),
        "RIGHT_EAR": (200, 130), "LEFT_SHOULDER": (350, 250), "RIGHT_SHOULDER": (150, 250), "LEFT_ELBOW": (390, 480),
        "RIGHT_ELBOW": (110, 480), "LEFT_KNEE": (300, 1700), "RIGHT_HEEL": (200, 2400),
    }  # fmt: skip
    for name, place in places.items():
        body[:, BLAZEPOSE.index(name), :] = (*place, 0, 0.9)
    face = np.zeros((frames, 478, 4))
    face[:, IBUG_OF_FACE_MESH, :2] = landmarks(np.zeros((1, 7)))[0, :, :2] * (60, 75) + (250, 130)
    face[:, IBUG_OF_FACE_MESH, 3] = 1
    parts = {"POSE_LANDMARKS": (BLAZEPOSE, body), "FACE_LANDMARKS": ([str(n) for n in range(478)], face)}
    for side, name in enumerate(HAND_NAMES):
        values = np.zeros((frames, 21, 4))
        if side in hands:
            body[:, BLAZEPOSE.index(f"{name.split('_')[0]}_WRIST")] = 0
            values[..., :3] = hands[side] / (1, 1, Z_UNIT)
            values[..., 3] = 1
            body[:, BLAZEPOSE.index(f"{name.split('_')[0]}_WRIST"), :2] = hands[side][:, 0, :2]
            body[:, BLAZEPOSE.index(f"{name.split('_')[0]}_WRIST"), 3] = 0.9
        parts[name] = ([str(n) for n in range(21)], values)
    return parts


def letter_hand(
    shape, side=1, at=(130, 260), point="up", palm="out", circle=0.0, frames=(6, 13, 6), length=117
):
    """Joints (F, 21, 3): raised, held or moved in a circle of so many pixels, and lowered again."""
    joints = forward(handshape(shape), axes(orientation(point, palm)), float(length))
    joints = joints * (1 if side == 0 else -1, 1, 1)
    up, held, down = frames
    drop = np.r_[np.linspace(1, 0, up + 1)[:-1], np.zeros(held), np.linspace(0, 1, down + 1)[1:]]
    turn = np.r_[np.zeros(up), np.linspace(0, 2 * np.pi, held), np.zeros(down)]
    wrist = np.stack(
        [at[0] + circle * np.sin(turn), at[1] + 250 * drop**2 + circle * (1 - np.cos(turn)), 0 * turn], 1
    )
    return joints + wrist[:, None]


def write_lexicon(folder, rows):
    """`index.csv` and files of rows (language, written, word, {side: joints}); without hands the file is left out."""
    lines = [COLUMNS]
    for number, (language, written, word, hands) in enumerate(rows):
        path = folder / language / f"{number}.pose"
        lines.append(f"{language}/{number}.pose,{written},{language},0,0,{word},{word},0")
        if hands:
            path.parent.mkdir(parents=True, exist_ok=True)
            frames = len(next(iter(hands.values())))
            write_pose(path, signer_parts(frames, hands), fps=25.0, size=(SIDE, SIDE))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
