"""Random operators: numpy model, ONNX and a plain Python reference of each must give the same integers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnxruntime

from hw.errors import HardwareError
from hw.onnx_builder import OnnxBuilder, Step
from hw.op import Op, golden_of, inputs_of, onnx_of, outputs_of, stream_names
from tests.fuzz.disagreement import Disagreement
from tests.fuzz.drawer import Drawer
from tests.fuzz.operators import inputs
from tests.fuzz.references import expected

FRAMES = 3


@dataclass(frozen=True)
class OperatorCase:
    """`values`: int64 (N, *shape) for each stream it takes; `wanted`: int64 (N, elements), the plain reference's."""

    op: Op
    values: tuple[np.ndarray, ...]
    wanted: np.ndarray


def check_numpy(op: Op, drawer: Drawer) -> OperatorCase:
    """Raises Disagreement where the numpy model differs, where a value leaves the output's type, or where `op` does
    not survive its own record."""
    values = inputs(op, drawer, FRAMES)
    wanted = np.array(expected(op, values), dtype=np.int64)
    for stream, given in zip(outputs_of(op), golden_of(op, *values), strict=True):
        _equal(op, "numpy", wanted, given)
        try:
            stream.dtype.check(given, "golden")
        except HardwareError as error:
            raise Disagreement(f"{op}: {error}") from error
        if given.shape[1:] != stream.shape:
            raise Disagreement(f"{op}: expected frames {stream.shape}, got {given.shape[1:]}")
    parameters, arrays = op.to_record()
    if type(op).from_record(op.name, parameters, arrays) != op:
        raise Disagreement(f"{op}: another operator comes back from its record")
    return OperatorCase(op, values, wanted)


def check_onnx(cases: list[OperatorCase]) -> int:
    """All operators side by side in one session for each float type; how many have an ONNX. Raises Disagreement."""
    groups: dict[type, list[OperatorCase]] = {np.float32: [], np.float64: []}
    for index, case in enumerate(cases):
        if case.op.kind == "stochastic_threshold" and not case.op.restart_every_frame:
            continue  # its noise goes on from frame to frame, which ONNX cannot hold
        case = replace(case, op=replace(case.op, name=f"op{index}"))
        groups[np.float32 if _fits(case.op, np.float32) else np.float64].append(case)
    for dtype, group in groups.items():
        if group:
            _run_together(group, dtype)
    return sum(map(len, groups.values()))


def _fits(op: Op, dtype: type) -> bool:
    builder = OnnxBuilder(dtype)
    try:
        onnx_of(op, builder, *(f"in{index}" for index in range(len(inputs_of(op)))))
    except HardwareError:
        return False
    return True


def _run_together(cases: list[OperatorCase], dtype: type) -> None:
    """The streams of all operators go in side by side in one vector and are cut apart in the graph."""
    steps, codes, at = [], [], 0
    frames = max(len(case.wanted) for case in cases)
    for case in cases:
        names = []
        for index, (stream, array) in enumerate(zip(inputs_of(case.op), case.values, strict=True)):
            names.append(f"{case.op.name}_in{index}")
            steps.append(Step(("all",), (names[-1],), _cut(at, stream.elements, stream.shape)))
            codes.append(np.resize(array, (frames, stream.elements)))
            at += stream.elements
        steps.append(Step(tuple(names), stream_names(case.op), _nodes(case.op)))
    model = OnnxBuilder(dtype).build((at,), "all", steps)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = [name for case in cases for name in stream_names(case.op)]
    results = dict(zip(wanted, session.run(wanted, {"codes": np.concatenate(codes, axis=1)}), strict=True))
    for case in cases:
        for name in stream_names(case.op):
            _equal(case.op, "onnxruntime", case.wanted, results[name][: len(case.wanted)])


def _cut(start: int, count: int, shape: tuple[int, ...]):
    def cut(builder: OnnxBuilder, tensor: str) -> tuple[str, ...]:
        bounds = (builder.constant(np.array([value], np.int64)) for value in (start, start + count, 1))
        return (builder.shaped(builder.add("Slice", tensor, *bounds), (count,), shape),)

    return cut


def _nodes(op: Op):
    return lambda builder, *tensors: onnx_of(op, builder, *tensors)


def _equal(op: Op, engine: str, wanted: np.ndarray, given: np.ndarray) -> None:
    given = np.asarray(given).reshape(len(given), -1)
    if given.shape == wanted.shape and np.array_equal(given, wanted):
        return
    if given.shape != wanted.shape:
        raise Disagreement(f"{op}: {engine} gives frames of {given.shape[1]} values, expected {wanted.shape[1]}")
    place = tuple(int(i) for i in np.argwhere(given != wanted)[0])
    raise Disagreement(f"{op}: {engine} at {place}: expected {wanted[place]}, got {given[place]}")
