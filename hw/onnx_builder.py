"""Collects standard ONNX nodes (no custom operators) for the golden model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hw.errors import HardwareError

OPSET = 18
_EXACT = {np.dtype(np.float32): 1 << 24, np.dtype(np.float64): 1 << 53}


class Step(NamedTuple):
    """One operator: names of the streams it takes, of those it gives, and function(builder, *tensors) -> tensors."""

    sources: tuple[str, ...]
    results: tuple[str, ...]
    function: Callable[..., tuple[str, ...]]


class OnnxBuilder:
    """A graph under construction.

    Integers travel in floating-point tensors of one `dtype` because onnxruntime's float kernels are the fast
    ones; `require_exact` is called with the largest magnitude that any partial sum may reach and raises where
    that dtype could round. float32 holds integers up to 2**24, float64 up to 2**53.
    """

    def __init__(self, dtype: type[np.floating] = np.float32) -> None:
        self.dtype = np.dtype(dtype)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._initializers: list[onnx.TensorProto] = []

    @property
    def exact_limit(self) -> int:
        return _EXACT[self.dtype]

    def require_exact(self, magnitude: int, what: str) -> None:
        """Raises HardwareError where integers of this magnitude are not exact in `dtype`."""
        if magnitude > self.exact_limit:
            raise HardwareError(f"{what}: sums reach {magnitude}, not exact in {self.dtype.name}; use a wider dtype")

    def number(self, values: object) -> str:
        """A constant of the graph's dtype from integers (any shape); returns its name."""
        return self.constant(np.asarray(values, dtype=self.dtype))

    def constant(self, array: np.ndarray) -> str:
        """A constant with the array's own dtype (equal ones are shared); returns its name."""
        array = np.ascontiguousarray(array)
        key = (array.tobytes(), array.dtype.str, array.shape)
        if key not in self._constants:
            name = f"const_{len(self._initializers)}"
            self._initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def add(self, op_type: str, *inputs: str, **attributes: object) -> str:
        """Appends a node with one output and returns the output's name."""
        output = f"t{len(self._nodes)}_{op_type}"
        self._nodes.append(helper.make_node(op_type, list(inputs), [output], name=output, **attributes))
        return output

    def shaped(self, tensor: str, have: tuple[int, ...], want: tuple[int, ...]) -> str:
        """`tensor`, (N, *have), as (N, *want); itself where the shapes are equal."""
        if have == want:
            return tensor
        return self.add("Reshape", tensor, self.constant(np.array([-1, *want], np.int64)))

    def build(self, input_shape: tuple[int, ...], source: str, steps: Sequence[Step]) -> onnx.ModelProto:
        """Runs `steps` in order on `codes` (N, *shape) int64, which they know as the stream `source`.

        Every stream that a step gives is also a graph output (int64, under the stream's name), so that a caller may
        ask onnxruntime for any intermediate value; the last one is the network's output.
        """
        tensors = {source: self.add("Cast", "codes", to=helper.np_dtype_to_tensor_dtype(self.dtype))}
        outputs = []
        for step in steps:
            results = step.function(self, *(tensors[name] for name in step.sources))
            for name, tensor in zip(step.results, results, strict=True):
                tensors[name] = tensor
                self._nodes.append(helper.make_node("Cast", [tensor], [name], name=f"out_{name}", to=TensorProto.INT64))
                outputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, None))
        codes = helper.make_tensor_value_info("codes", TensorProto.INT64, ["N", *input_shape])
        graph = helper.make_graph(self._nodes, "golden", [codes], outputs, self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        model = onnx.shape_inference.infer_shapes(model)  # the checker wants shapes of outputs
        onnx.checker.check_model(model)
        return model


def flat(shape: tuple[int, ...]) -> list[int]:
    """Reshape target `[N, prod(shape)]` with the batch axis left open."""
    return [-1, prod(shape)]
