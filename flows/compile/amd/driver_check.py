"""The driver against FINN: what it sends, read with FINN's functions, executed by FINN, sent back with FINN's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from finn.core.onnx_exec import execute_onnx
from finn.util.data_packing import finnpy_to_packed_bytearray, packed_bytearray_to_finnpy
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from flows.errors import FlowError
from flows.pynq.interface import Interface, read_interface
from flows.targets.onnx_target import OnnxTarget
from hw.dataflow import Dataflow

RANDOM = 4


def check_driver(plain: ModelWrapper, path: Path, dataflow: Dataflow) -> None:
    """`path`: `interface.json`. Random and extreme images. Raises FlowError where a score is not the golden model's."""
    interface = read_interface(path)
    images = extreme_images(interface, RANDOM)
    got = interface.decode(finn_answers(plain, json.loads(path.read_text()), interface.encode(images)))
    expected = OnnxTarget(dataflow).predict(images)
    if wrong := np.flatnonzero((got != expected).any(axis=1)).tolist():
        raise FlowError(
            f"FINN gives other scores through the driver for image {wrong[0]}: expected {expected[wrong[0]].tolist()}, "
            f"got {got[wrong[0]].tolist()}"
        )


def extreme_images(interface: Interface, count: int, seed: int = 0) -> np.ndarray:
    """uint8: all dark, all bright, both in turn, and `count` random ones."""
    shape = interface.image
    fixed = [np.zeros(shape), np.full(shape, 255), np.resize([0, 255], shape)]
    random = np.random.default_rng(seed).integers(0, 256, (count, *shape))
    return np.concatenate([np.stack(fixed), random]).astype(np.uint8)


def finn_answers(plain: ModelWrapper, record: dict, packed: np.ndarray) -> np.ndarray:
    """What the accelerator's DMA would write for what it reads: uint8 (N, ...), both packed by FINN's rules."""
    entry, end = record["input"], record["output"]
    read, written = DataType[entry["dtype"]], DataType[end["dtype"]]
    answers = []
    for word in packed:
        folded = packed_bytearray_to_finnpy(word[None], read, tuple(entry["folded"]), True, True)
        normal = folded.reshape(entry["normal"]).astype(np.float32)
        given = execute_onnx(plain, {plain.graph.input[0].name: normal})
        sums = given[plain.graph.output[0].name].reshape(end["folded"])
        answers.append(finnpy_to_packed_bytearray(sums, written, reverse_inner=True, reverse_endian=True)[0])
    return np.stack(answers)
