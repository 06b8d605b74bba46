"""Write the models in the wheel of MediaPipe 0.10.21 as a `holistic_landmarker.task`, for the releases that have none.

    python write_task.py OUT

A stand-in for the file that Google publishes, which has newer models: the wheel's has 468 points of a face and not 478,
and puts them in the wrong place. Of the model for blendshapes, which SignViP does not use, it has none; in its place
stands a network of one node that gives back 26 of the 146 points it is given.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import flatbuffers
import mediapipe
import numpy as np
from mediapipe.tasks.metadata import schema_py_generated as schema
from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

# Their names in the file; in the wheel; and what is subtracted from a pixel, and what it is then divided by.
MODELS = {
    "face_detector": ("face_detection/face_detection_short_range", 127.5, 127.5),
    "face_landmarks_detector": ("face_landmark/face_landmark", 0, 255),
    "hand_landmarks_detector": ("hand_landmark/hand_landmark_full", 0, 255),
    "hand_roi_refinement": ("holistic_landmark/hand_recrop", 0, 255),
    "pose_detector": ("pose_detection/pose_detection", 127.5, 127.5),
    "pose_landmarks_detector": ("pose_landmark/pose_landmark_full", 0, 255),
}


def write(path: Path) -> None:
    """A zip of the models, each with the metadata that says how its pictures are normalised."""
    modules = Path(mediapipe.__file__).parent / "modules"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:
        for name, (model, mean, std) in MODELS.items():
            writer = MetadataWriter.create(bytearray((modules / f"{model}.tflite").read_bytes()))
            writer.add_image_input([mean], [std])
            bundle.writestr(f"{name}.tflite", bytes(writer.populate()[0]))
        bundle.writestr("face_blendshapes.tflite", slice_of([1, 146, 2], [1, 26, 2]))


def slice_of(given: list[int], taken: list[int]) -> bytes:
    """A TFLite model that gives the first part of its input."""
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor("in", given, schema.TensorType.FLOAT32, 0),
        _tensor("begin", [3], schema.TensorType.INT32, 1),
        _tensor("size", [3], schema.TensorType.INT32, 2),
        _tensor("out", taken, schema.TensorType.FLOAT32, 0),
    ]
    node = schema.OperatorT()
    node.opcodeIndex, node.inputs, node.outputs = 0, [0, 1, 2], [3]
    node.builtinOptionsType, node.builtinOptions = schema.BuiltinOptions.SliceOptions, schema.SliceOptionsT()
    graph.inputs, graph.outputs, graph.operators = [0], [3], [node]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SLICE
    code.version = 1
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [_buffer([]), _buffer([0, 0, 0]), _buffer(taken)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: list[int], kind: int, buffer: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, buffer
    return tensor


def _buffer(values: list[int]) -> schema.BufferT:
    buffer = schema.BufferT()
    buffer.data = list(np.int32(values).tobytes()) or None
    return buffer


if __name__ == "__main__":
    write(Path(sys.argv[1]))
