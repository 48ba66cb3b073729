"""`depthwise`: each channel convolved with its own filter (FINN: depthwise VVAU), without multipliers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from hw.ecp5_memory import rom
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Memory, Module, Resources
from hw.stream import Stream

MEMORIES = ("auto", "distributed", "block")
MAX_OPERAND_BITS = 8


@dataclass(frozen=True, eq=False)
class Depthwise:
    """y[c] = ((sum over i, j of weights[c, i, j] * x[i, j, c]) << shift) + bias[c] for each window x of the stream.

    `shape`: (OH, OW), the windows of a frame. `weights`: integers (C, kh, kw) of `weight_type`, one filter for each
    channel (channel multiplier 1); `input_type`: of x; both 1 to 8 bits, unsigned, signed or bipolar. `pe`: channels
    per beat, in and out, divides C. `bias`: integers (C,), None for zeros. `shift`: 0 to 31. `memory`: of the
    weights, "auto", "distributed" (logic) or "block". Streams: (OH, OW * C/pe, kh*kw*pe), which `Window(...,
    parallel=pe, depthwise=True)` gives, and (OH, OW, C) of the narrowest type that holds every reachable y. Raises
    HardwareError for anything else.
    """

    name: str
    shape: tuple[int, ...]
    weights: np.ndarray
    weight_type: IntType
    input_type: IntType
    pe: int
    bias: np.ndarray | None = None
    shift: int = 0
    memory: str = "auto"

    kind: ClassVar[str] = "depthwise"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        if len(self.shape) != 2:
            raise HardwareError(f"{self.name}: expected windows (OH, OW), got {self.shape}")
        weights = np.array(self.weights)
        if weights.dtype.kind not in "iu" or weights.ndim != 3 or weights.size == 0:
            raise HardwareError(
                f"{self.name}: expected integer weights (C, kh, kw), one filter a channel, "
                f"got {weights.dtype} {weights.shape}; use matvec where a channel has several filters"
            )
        weights = weights.astype(np.int64)
        for what, dtype in (("a weight", self.weight_type), ("an input", self.input_type)):
            if dtype.bits > MAX_OPERAND_BITS:
                raise HardwareError(f"{self.name}: expected {what} type of 1 to 8 bits, got {dtype.name}")
        self.weight_type.check(weights, f"{self.name} weights")
        bias = np.zeros(len(weights), np.int64) if self.bias is None else np.array(self.bias)
        if bias.dtype.kind not in "iu" or bias.shape != (len(weights),):
            raise HardwareError(f"{self.name}: expected integer bias ({len(weights)},), got {bias.dtype} {bias.shape}")
        if self.pe < 1 or len(weights) % self.pe:
            raise HardwareError(f"{self.name}: expected pe to divide C = {len(weights)}, got {self.pe}")
        if not 0 <= self.shift <= 31:
            raise HardwareError(f"{self.name}: expected a shift from 0 to 31, got {self.shift}")
        if self.memory not in MEMORIES:
            raise HardwareError(f"{self.name}: expected memory to be one of {MEMORIES}, got {self.memory!r}")
        for field, array in (("weights", weights), ("bias", bias.astype(np.int64))):
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        low, high = ((side << self.shift) + self.bias for side in self._range(self.input_type.min, self.input_type.max))
        object.__setattr__(self, "_output_type", IntType.holding(int(low.min()), int(high.max())))

    def _range(self, x_low: int, x_high: int) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest sum of every channel, (C,) each, for inputs between two values."""
        ends = np.stack([self.weights * x_low, self.weights * x_high])
        return ends.min(axis=0).sum(axis=(1, 2)), ends.max(axis=0).sum(axis=(1, 2))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Depthwise):
            return NotImplemented
        same = self.name == other.name and self.to_record()[0] == other.to_record()[0]
        return same and np.array_equal(self.weights, other.weights) and np.array_equal(self.bias, other.bias)

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.weights.tobytes()))

    @property
    def taps(self) -> int:
        """Input beats of a group of channels."""
        return prod(self.weights.shape[1:])

    @property
    def folds(self) -> int:
        """Groups of channels."""
        return len(self.weights) // self.pe

    @property
    def input(self) -> Stream:
        rows, columns = self.shape
        return Stream((rows, columns * self.folds, self.taps * self.pe), self.input_type, self.pe)

    @property
    def output(self) -> Stream:
        return Stream((*self.shape, len(self.weights)), self._output_type, self.pe)

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    def needs(self) -> np.ndarray:
        """Of each output beat, the input beats up to its last tap."""
        return np.arange(1, self.output.beats + 1) * self.taps

    def _filters(self) -> np.ndarray:
        """Weights in the order of the beats: (folds, taps, pe)."""
        return self.weights.reshape(self.folds, self.pe, self.taps).transpose(0, 2, 1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *input.shape) -> int64 (N, OH, OW, C)."""
        windows = values.reshape(-1, self.folds, self.taps, self.pe)
        sums = np.einsum("nftp,ftp->nfp", windows, self._filters()).reshape(len(values), *self.output.shape)
        return (sums << self.shift) + self.bias

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        """Raises HardwareError where a partial sum may not be exact in the builder's dtype."""
        largest = max(abs(self.input_type.min), self.input_type.max)
        sums = np.abs(self.weights).sum(axis=(1, 2)) * largest
        builder.require_exact(int(((sums << self.shift) + np.abs(self.bias)).max()), self.name)
        groups = np.array([-1, self.folds, self.taps, self.pe], np.int64)
        windows = builder.add("Reshape", tensor, builder.constant(groups))
        # Shifted weights give shifted sums: one node fewer, and just as exact.
        products = builder.add("Mul", windows, builder.number(self._filters() << self.shift))
        sums = builder.add("ReduceSum", products, builder.constant(np.array([2], np.int64)), keepdims=0)
        result = builder.add("Reshape", sums, builder.constant(np.array([-1, *self.output.shape], np.int64)))
        return builder.add("Add", result, builder.number(self.bias)) if self.bias.any() else result

    def module(self) -> Module:
        acc, shift, bias = self._sums()
        x, w, y_bits = self.input_type, self.weight_type, self._output_type.bits
        parameters = {"TAPS": self.taps, "FOLDS": self.folds, "PE": self.pe}
        parameters |= {"X_BITS": x.bits, "X_SIGNED": int(x.signed)}
        parameters |= {"W_BITS": w.bits, "W_SIGNED": int(w.signed), "W_BIPOLAR": int(w.bipolar)}
        parameters |= {"ACC_BITS": acc.bits, "ACC_SIGNED": int(acc.signed), "SHIFT": shift, "Y_BITS": y_bits}
        parameters |= {"MEMORY": MEMORIES.index(self.memory)}
        weights = w.encode(self._filters()).reshape(-1, self.pe)
        biases = bias.reshape(self.folds, self.pe) & ((1 << y_bits) - 1)
        memories = {"WEIGHTS": Memory.pack(weights, w.bits), "BIASES": Memory.pack(biases, y_bits)}
        return Module("depthwise", parameters, memories)

    def _sums(self) -> tuple[IntType, int, np.ndarray]:
        """Accumulator, shift and bias (C,) of the circuit.

        A bipolar activation x = 2u - 1 is taken as its code u: w*x = 2*w*u - w, so the shift grows by one and the
        filters' sums go into the bias.
        """
        x, shift, bias = self.input_type, self.shift, self.bias
        if x.bipolar:
            shift, bias = shift + 1, bias - (self.weights.sum(axis=(1, 2)) << shift)
        low, high = self._range(0 if x.bipolar else x.min, x.max)
        acc = IntType.holding(int(low.min()), int(high.max()))
        # A result of so many bits needs no more of the sum than this, whatever its sign.
        enough = max(1, self._output_type.bits - shift)
        return acc if acc.bits <= enough else IntType(enough, acc.signed), shift, bias

    def resources(self) -> Resources:
        """Per lane: the product's adders, the accumulator, the output; and the weights (see README.md)."""
        acc, _, bias = self._sums()
        x, w = (
            dtype.bits + (dtype.bits == 1 and (dtype.signed or weights and dtype.bipolar))
            for dtype, weights in ((self.input_type, False), (self.weight_type, True))
        )
        planes, full, y_bits = min(x, w), max(x, w), self._output_type.bits
        joins = (planes - 1) * min(acc.bits, full + 2)
        lut4 = joins + 2 * acc.bits + (y_bits if bias.any() else 0)
        ff = x + planes * full + joins + acc.bits + y_bits
        words = self.folds * self.taps
        total = Resources(lut4=self.pe * lut4, ff=self.pe * ff) + rom(words, self.pe * w, self.memory)
        total += rom(self.folds, self.pe * y_bits) if bias.any() else Resources()
        counters = words.bit_length() + self.taps.bit_length() + self.folds.bit_length()
        return total + Resources(lut4=14 + 2 * counters, ff=12 + counters)

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        parameters = {"shape": list(self.shape), "pe": self.pe, "shift": self.shift, "memory": self.memory}
        parameters |= {"weight_type": self.weight_type.name, "input_type": self.input_type.name}
        return parameters, {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_record(cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]) -> Depthwise:
        """Raises KeyError or TypeError where the record is not what `to_record` gives."""
        p = dict(parameters)
        types = {key: IntType.parse(p.pop(key)) for key in ("weight_type", "input_type")}
        return cls(name, tuple(p.pop("shape")), arrays["weights"], bias=arrays["bias"], **types, **p)


OP = Depthwise
