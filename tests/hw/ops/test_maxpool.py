"""`maxpool`: any rectangle, stride and type, with and without overlap, padding, and rows and columns left over."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.pad.pad import Pad


def make(shape, dtype: str, parallel: int, kernel, stride=None) -> MaxPool:
    return MaxPool("pool0", shape, IntType.parse(dtype), parallel, kernel, stride)


CASES = {
    "square": make((4, 6, 4), "UINT2", 2, 2),
    "left_over": make((5, 7, 3), "INT6", 1, 2),
    "bipolar": make((7, 5, 2), "BIPOLAR", 2, 3),
    "wide": make((2, 3, 1), "INT48", 1, 2),
    "overlap": make((7, 9, 4), "UINT4", 2, 3, 2),
    "dense": make((6, 5, 2), "INT5", 1, 3, 1),
    "rectangle": make((8, 7, 2), "INT4", 2, (3, 2), (2, 1)),
    "signal": make((1, 12, 3), "UINT3", 1, (1, 4), (1, 3)),
    "column": make((9, 1, 2), "INT3", 2, (4, 1), (1, 1)),
    "stride_beyond_kernel": make((7, 8, 2), "UINT4", 1, (1, 2), (3, 4)),
    "global": make((3, 4, 2), "INT4", 1, (3, 4), 1),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit(op: MaxPool, exercise) -> None:
    stages = sum((k, s) != (1, 1) for k, s in zip(op.kernel, op.stride, strict=True))
    # The last window's maximum leaves one cycle a direction after the beat that completes it.
    exercise(op, latency=int(op.needs()[-1]) + stages)


@pytest.mark.sim
@pytest.mark.parametrize("seed", range(10))
def test_any_parameters(seed: int, exercise) -> None:
    rng = np.random.default_rng(seed)
    sizes, parallel, folds = rng.integers(2, 11, 2), *(int(n) for n in rng.integers(1, 4, 2))
    kernel = tuple(int(rng.integers(1, min(5, size), endpoint=True)) for size in sizes)
    stride = int(rng.integers(1, 5)), int(rng.integers(2, 5))
    dtype = str(rng.choice(["BIPOLAR", "INT1", "INT5", "UINT8"]))
    exercise(make((*map(int, sizes), parallel * folds), dtype, parallel, kernel, stride), frames=6)


@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_golden_is_the_formula(op: MaxPool) -> None:
    images = np.random.default_rng(2).integers(-9, 9, (2, *op.shape))
    out, (kh, kw), (sh, sw) = op.golden(images), op.kernel, op.stride
    for n, y, x, c in itertools.product(*map(range, out.shape)):
        assert out[n, y, x, c] == images[n, y * sh : y * sh + kh, x * sw : x * sw + kw, c].max()


@pytest.mark.parametrize("dtype", ["UINT4", "INT4"])
def test_padding_is_a_pad_with_the_smallest_value(dtype: str) -> None:
    """As ONNX' own padded MaxPool: 3x3, stride 2, one pixel all around."""
    kind = IntType.parse(dtype)
    pad = Pad("pad0", (6, 5, 2), kind, 1, (1, 1, 1, 1), kind.min)
    ours = Dataflow("d", (pad, MaxPool("pool0", pad.output.shape, kind, 1, 3, 2)))
    image = np.random.default_rng(6).integers(kind.min, kind.max, (3, 6, 5, 2), endpoint=True)
    sides = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    node = helper.make_node("MaxPool", ["x"], ["y"], **sides)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph([node], "theirs", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {"x": image.transpose(0, 3, 1, 2).astype(np.float32)})[0].transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(ours.golden(image), theirs)


def test_record(tmp_path: Path) -> None:
    for op in CASES.values():
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "message"),
    [
        ((4,), 2, None, r"expected a shape \(H, W, C\)"),
        ((4, 4, 2), 1, None, "expected a kernel or a stride above 1, got none: leave the pool out"),
        ((4, 2, 2), 3, 1, r"expected a kernel \(kh, kw\) within the image \(4, 2\), got \(3, 3\)"),
        ((4, 4, 2), (0, 2), None, r"expected a kernel \(kh, kw\) within the image"),
        ((4, 4, 2), 2, (1, 0), r"expected a stride \(sh, sw\) of at least 1, got \(1, 0\)"),
    ],
)
def test_refuses_illegal_parameters(shape, kernel, stride, message) -> None:
    with pytest.raises(HardwareError, match=message):
        make(shape, "INT6", 1, kernel, stride)
