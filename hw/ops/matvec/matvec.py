"""`matvec`: an integer matrix times every vector of the stream (FINN: MVAU), without multipliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Memory, Module, Register, Resources
from hw.ops.matvec.cost import Shape, estimate
from hw.stream import Stream

MEMORIES = ("auto", "distributed", "block")
PRODUCTS = ("auto", "lut", "dsp")
#: Both operands of so many bits: one multiplier takes the place of a hundred LUT4.
AUTO_MULTIPLIER_BITS = 6
MAX_WEIGHT_BITS = 8
#: Wider than an activation, as the sums of a pool are.
MAX_INPUT_BITS = 16
MAX_WRITABLE_BITS = 32


@dataclass(frozen=True, eq=False)
class MatVec:
    """y[m] = ((sum over k of weights[m, k] * x[k]) << shift) + bias[m] for each vector x of the stream.

    `shape`: of the vectors, (OH, OW), or () for one vector per frame; streams are (*shape, K) and (*shape, M).
    `weights`: integers (M, K) of `weight_type`, 1 to 8 bits; `input_type`: of x, 1 to 16 bits; both unsigned, signed or
    bipolar.
    `pe`: rows per cycle, divides M, elements per output beat; `simd`: columns per cycle, divides K, elements per
    input beat. `bias`: integers (M,), None for zeros. `shift`: 0 to 31. `memory`: of the weights, "auto",
    "distributed" (logic) or "block". `products`: "lut", bit by bit in logic, "dsp", a multiplier of the device for each
    of pe * simd products (operands of at least 2 bits, not bipolar), or "auto": multipliers where both operands have at
    least 6 bits. The output type is the narrowest that holds every reachable y. `writable`: weights and biases can be
    rewritten between two frames (see `hw/registers.py`); the output type, at most 32 bits, then holds y for any weights
    of their type, and where there are biases any of them up to the largest sum. Raises HardwareError for anything else.
    """

    name: str
    shape: tuple[int, ...]
    weights: np.ndarray
    weight_type: IntType
    input_type: IntType
    pe: int
    simd: int
    bias: np.ndarray | None = None
    shift: int = 0
    memory: str = "auto"
    products: str = "auto"
    writable: bool = False

    kind = "matvec"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        if len(self.shape) not in (0, 2):
            raise HardwareError(f"{self.name}: expected vectors of shape () or (OH, OW), got {self.shape}")
        weights = np.array(self.weights)
        if weights.dtype.kind not in "iu" or weights.ndim != 2 or weights.size == 0:
            raise HardwareError(f"{self.name}: expected integer weights (M, K), got {weights.dtype} {weights.shape}")
        weights = weights.astype(np.int64)
        limits = (("a weight", self.weight_type, MAX_WEIGHT_BITS), ("an input", self.input_type, MAX_INPUT_BITS))
        for what, dtype, most in limits:
            if dtype.bits > most:
                raise HardwareError(f"{self.name}: expected {what} type of 1 to {most} bits, got {dtype.name}")
        self.weight_type.check(weights, f"{self.name} weights")
        bias = np.zeros(len(weights), np.int64) if self.bias is None else np.array(self.bias)
        if bias.dtype.kind not in "iu" or bias.shape != (len(weights),):
            raise HardwareError(f"{self.name}: expected integer bias ({len(weights)},), got {bias.dtype} {bias.shape}")
        if self.pe < 1 or weights.shape[0] % self.pe:
            raise HardwareError(f"{self.name}: expected pe to divide M = {weights.shape[0]}, got {self.pe}")
        if self.simd < 1 or weights.shape[1] % self.simd:
            raise HardwareError(f"{self.name}: expected simd to divide K = {weights.shape[1]}, got {self.simd}")
        if not 0 <= self.shift <= 31:
            raise HardwareError(f"{self.name}: expected a shift from 0 to 31, got {self.shift}")
        if self.memory not in MEMORIES:
            raise HardwareError(f"{self.name}: expected memory to be one of {MEMORIES}, got {self.memory!r}")
        if self.products not in PRODUCTS:
            raise HardwareError(f"{self.name}: expected products to be one of {PRODUCTS}, got {self.products!r}")
        if self.products == "dsp" and min(self.weight_type.bits, self.input_type.bits) < 2:
            raise HardwareError(
                f"{self.name}: expected operands of at least 2 bits for multipliers, got {self.weight_type.name} and "
                f"{self.input_type.name}; use products 'lut'"
            )
        for field, array in (("weights", weights), ("bias", bias.astype(np.int64))):
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        low, high = self._range(self.input_type.min, self.input_type.max)
        low, high = (side << self.shift for side in (low, high))
        if self.writable and self.bias.any():
            largest = max(-int(low.min()), int(high.max()), (1 << int(np.abs(self.bias).max()).bit_length()) - 1)
            low, high = low - largest, high + largest
        else:
            low, high = low + self.bias, high + self.bias
        object.__setattr__(self, "_output_type", IntType.holding(int(low.min()), int(high.max())))
        if self.writable and self._output_type.bits > MAX_WRITABLE_BITS:
            raise HardwareError(
                f"{self.name}: expected results of at most 32 bits with writable weights, got {self._output_type.name}"
            )

    def _range(self, x_low: int, x_high: int) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest sum of every row, (M,) each, for inputs between two values; of any weights where they can
        be rewritten."""
        if self.writable:
            extremes = [w * x for w in (self.weight_type.min, self.weight_type.max) for x in (x_low, x_high)]
            rows, columns = self.weights.shape
            return np.full(rows, columns * min(extremes)), np.full(rows, columns * max(extremes))
        ends = np.stack([self.weights * x_low, self.weights * x_high])
        return ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MatVec):
            return NotImplemented
        same = self.name == other.name and self.to_record()[0] == other.to_record()[0]
        return same and np.array_equal(self.weights, other.weights) and np.array_equal(self.bias, other.bias)

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.weights.tobytes()))

    @property
    def input(self) -> Stream:
        return Stream((*self.shape, self.weights.shape[1]), self.input_type, self.simd)

    @property
    def output(self) -> Stream:
        return Stream((*self.shape, self.weights.shape[0]), self._output_type, self.pe)

    @property
    def beats(self) -> int:
        """Input beats per vector (FINN's synapse fold)."""
        return self.weights.shape[1] // self.simd

    @property
    def folds(self) -> int:
        """Output beats per vector (FINN's neuron fold)."""
        return self.weights.shape[0] // self.pe

    @property
    def cycles_per_frame(self) -> int:
        return prod(self.shape) * self.beats * self.folds

    def needs(self) -> np.ndarray:
        """The whole vector."""
        return (np.arange(self.output.beats) // self.folds + 1) * self.beats

    @property
    def multiplies(self) -> bool:
        """Whether the circuit uses the device's multipliers."""
        return self._multiplies(self.products)

    def _multiplies(self, products: str) -> bool:
        narrow = min(self.weight_type.bits, self.input_type.bits)
        return products == "dsp" or products == "auto" and narrow >= AUTO_MULTIPLIER_BITS

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape, K) -> int64 (N, *shape, M)."""
        return ((values @ self.weights.T) << self.shift) + self.bias

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        """Raises HardwareError where a partial sum may not be exact in the builder's dtype."""
        largest = max(abs(self.input_type.min), self.input_type.max)
        sums = np.abs(self.weights).sum(axis=1) * largest
        builder.require_exact(int(((sums << self.shift) + np.abs(self.bias)).max()), self.name)
        vectors = builder.add("Reshape", tensor, builder.constant(np.array([-1, *self.input.shape], np.int64)))
        # Shifted weights give shifted sums: one node fewer, and just as exact.
        result = builder.add("MatMul", vectors, builder.number((self.weights << self.shift).T))
        return builder.add("Add", result, builder.number(self.bias)) if self.bias.any() else result

    def module(self) -> Module:
        shape, bias = self._shape()
        parameters = {"BEATS": self.beats, "FOLDS": self.folds, "PE": self.pe, "SIMD": self.simd}
        parameters |= {"X_BITS": shape.x_bits, "X_SIGNED": int(self.input_type.signed)}
        parameters |= {"W_BITS": shape.w_bits, "W_SIGNED": int(self.weight_type.signed)}
        parameters |= {"W_BIPOLAR": int(self.weight_type.bipolar), "XNOR": int(shape.xnor)}
        parameters |= {"SERIAL_W": int(shape.serial_weights), "MULTIPLY": int(shape.multiply)}
        parameters |= {"W_BLOCK": int(shape.weights_in_blocks), "X_BLOCK": int(shape.ring_in_blocks)}
        parameters |= {"ACC_BITS": shape.acc_bits, "ACC_SIGNED": int(shape.acc_signed)}
        parameters |= {"SHIFT": shape.shift, "Y_BITS": shape.y_bits}
        tiles = self.weights.reshape(self.folds, self.pe, self.beats, self.simd).transpose(0, 2, 1, 3)
        weights = tiles.reshape(self.folds * self.beats, self.pe * self.simd)
        biases = bias.reshape(self.folds, self.pe) & ((1 << shape.y_bits) - 1)
        memories = {
            "WEIGHTS": Memory.pack(self.weight_type.encode(weights), shape.w_bits),
            "BIASES": Memory.pack(biases, shape.y_bits),
        }
        if not self.writable:
            return Module("matvec", parameters, memories)
        column = 32 // shape.w_bits * shape.w_bits  # whole weights
        weights_shift = (-(-memories["WEIGHTS"].width // column) - 1).bit_length()
        biases_shift = (self.pe - 1).bit_length()
        sizes = (
            weights_shift + (self.beats * self.folds - 1).bit_length(),
            biases_shift + (self.folds - 1).bit_length(),
        )
        registers = (
            Register("WEIGHTS", "weights", 0, weights_shift, column),
            Register("BIASES", "bias", 1 << max(sizes), biases_shift, shape.y_bits),
        )
        return Module("matvec", parameters | {"WRITABLE": 1}, memories, registers=registers)

    def _shape(self) -> tuple[Shape, np.ndarray]:
        """How the circuit computes it, and its bias, (M,).

        A bipolar activation x = 2u - 1 is taken as its code u: w*x = 2*w*u - w, so the shift grows by one and the
        row sums go into the bias. With bipolar weights too, the sum of products is 2 * popcount(XNOR) - K.
        """
        x, w = self.input_type, self.weight_type
        shift, bias, rows = self.shift, self.bias, self.weights.sum(axis=1)
        low, high = self._range(0 if x.bipolar else x.min, x.max)
        xnor = x.bipolar and w.bipolar
        if xnor:
            rows = low = np.full(len(bias), self.weights.shape[1])
            low, high = 0 * rows, rows
        if x.bipolar:
            shift, bias = shift + 1, bias - (rows << shift)
        y_bits, acc = self._output_type.bits, IntType.holding(int(low.min()), int(high.max()))
        # A result of y_bits needs no more of the sum than this, whatever its sign.
        acc_bits = max(1, min(y_bits - shift, acc.bits))
        serial_weights = not x.bipolar and (w.bipolar or w.bits < x.bits)
        shape = Shape(
            self.beats, self.folds, self.pe, self.simd, x.bits, w.bits, w.bipolar, xnor, serial_weights,
            acc_bits, acc.signed, shift, y_bits, self.memory, bool(bias.any()) or self.writable, self.multiplies,
            self.writable,
        )  # fmt: skip
        return shape, bias

    def resources(self) -> Resources:
        """See `hw/ops/matvec/cost.py`."""
        return estimate(self._shape()[0])

    def estimator(self) -> Callable[[int, int, str, str], Resources]:
        """`resources` of the same unit by `pe`, `simd`, `memory` and `products`, quick for many of them."""
        shape, (rows, columns) = self._shape()[0], self.weights.shape

        def at(pe: int, simd: int, memory: str, products: str) -> Resources:
            multiply = self._multiplies(products)
            beats, folds = columns // simd, rows // pe
            return estimate(
                replace(shape, beats=beats, folds=folds, pe=pe, simd=simd, memory=memory, multiply=multiply)
            )

        return at

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        parameters = {"shape": list(self.shape), "pe": self.pe, "simd": self.simd, "shift": self.shift}
        parameters |= {"weight_type": self.weight_type.name, "input_type": self.input_type.name}
        parameters |= {"memory": self.memory, "products": self.products}
        parameters |= {"writable": True} if self.writable else {}
        return parameters, {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_record(cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]) -> MatVec:
        """Raises KeyError or TypeError where the record is not what `to_record` gives."""
        p = dict(parameters)
        types = {key: IntType.parse(p.pop(key)) for key in ("weight_type", "input_type")}
        return cls(name, tuple(p.pop("shape")), arrays["weights"], bias=arrays["bias"], **types, **p)


OP = MatVec
