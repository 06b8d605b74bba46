"""Two networks of a few nodes in the shapes of YOLOX and DWPose, which do find something: a red spot."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

HEIGHT, WIDTH, POINTS = 96, 72, 133


def _save(path, nodes, constants, takes, gives):
    """Write a graph from `takes` {name: shape} to `gives`."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in takes.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in gives.items()]
    initializers = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_detector(path, boxes, side=64):
    """Always the same people (P, 5) x0, y0, x1, y1, score in a picture of side x side, as YOLOX with NMS gives."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["boxes", "nothing"], ["dets"]),
    ]
    constants = {"zero": np.float32([0]), "boxes": np.float32(boxes)[None]}
    _save(path, nodes, constants, {"images": [1, 3, side, side]}, {"dets": [1, len(boxes), 5]})


def write_pose(path, batch="batch"):
    """All 133 points at the reddest column and row: SimCC with two bins a pixel, (N, 133, 2W) and (N, 133, 2H)."""
    nodes = [
        helper.make_node("Slice", ["input", "first", "second", "channel"], ["red"]),  # RGB: the first channel
        helper.make_node("Slice", ["input", "second", "third", "channel"], ["green"]),
        helper.make_node("Sub", ["red", "green"], ["redness"]),
    ]
    for name, axis in (("x", 2), ("y", 3)):
        nodes += [
            helper.make_node("ReduceMax", ["redness"], [f"{name}_line"], axes=[1, axis], keepdims=0),
            helper.make_node("Unsqueeze", [f"{name}_line", "last"], [f"{name}_column"]),
            helper.make_node("Concat", [f"{name}_column", f"{name}_column"], [f"{name}_twice"], axis=2),
            helper.make_node("Reshape", [f"{name}_twice", f"{name}_shape"], [f"{name}_bins"]),
            helper.make_node("Tile", [f"{name}_bins", "points"], [f"simcc_{name}"]),
        ]
    constants = {
        "first": np.int64([0]), "second": np.int64([1]), "third": np.int64([2]), "channel": np.int64([1]),
        "last": np.int64([2]), "points": np.int64([1, POINTS, 1]),
        "x_shape": np.int64([-1, 1, 2 * WIDTH]), "y_shape": np.int64([-1, 1, 2 * HEIGHT]),
    }  # fmt: skip
    gives = {"simcc_x": [batch, POINTS, 2 * WIDTH], "simcc_y": [batch, POINTS, 2 * HEIGHT]}
    _save(path, nodes, constants, {"input": [batch, 3, HEIGHT, WIDTH]}, gives)
