"""`threshold`: per-channel counting of thresholds, which is every quantized activation (FINN: Thresholding)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from hw.ecp5_memory import in_blocks, rewritable, rom
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Memory, Module, Register, Resources
from hw.stream import Stream

MAX_LEVELS = 8
MAX_OUTPUT_BITS = 31
MAX_WRITABLE_BITS = 31
BROADCAST_LIMIT = 4096


@dataclass(frozen=True, eq=False)
class Threshold:
    """y = start + step * #{t in thresholds[c] : x >= t}.

    `shape`: (..., C) of both streams. `thresholds`: integers (C, T), each row ascending (ties allowed), 1 <= T <=
    255, from `input_type.min - 1` (always reached) to `input_type.max + 1` (never). `output_type`, at most 31 bits,
    holds `start` to `start + step * T`; `start` and `step` are values, so bipolar outputs have start -1, step 2, T
    = 1. `pe`: elements per beat, a divisor of C. `writable`: the thresholds can be rewritten between two frames (see
    `hw/registers.py`); the input then has at most 31 bits. Raises HardwareError for anything else.
    """

    name: str
    shape: tuple[int, ...]
    input_type: IntType
    thresholds: np.ndarray
    output_type: IntType
    pe: int
    start: int = 0
    step: int = 1
    writable: bool = False

    kind = "threshold"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        _ = self.input
        table = np.array(self.thresholds)
        if table.dtype.kind not in "iu" or table.ndim != 2 or table.shape[0] != self.shape[-1]:
            raise HardwareError(
                f"{self.name}: expected integer thresholds ({self.shape[-1]}, T), got {table.dtype} {table.shape}"
            )
        if not 1 <= table.shape[1] < 1 << MAX_LEVELS:
            raise HardwareError(f"{self.name}: expected 1 to 255 thresholds per channel, got {table.shape[1]}")
        table = table.astype(np.int64)
        if np.any(np.diff(table, axis=1) < 0):
            channel = int(np.argwhere(np.diff(table, axis=1) < 0)[0, 0])
            raise HardwareError(f"{self.name}: expected ascending thresholds, channel {channel} is not; sort them")
        low, high = self.input_type.min - 1, self.input_type.max + 1
        if table.min() < low or table.max() > high:
            raise HardwareError(
                f"{self.name}: expected thresholds from {low} to {high} for {self.input_type.name}, "
                f"got {table.min()}..{table.max()}; clip them"
            )
        if self.output_type.bits > MAX_OUTPUT_BITS:
            raise HardwareError(f"{self.name}: expected an output type of 1 to 31 bits, got {self.output_type.name}")
        if self.writable and self.input_type.bits > MAX_WRITABLE_BITS:
            raise HardwareError(
                f"{self.name}: expected inputs of at most 31 bits with writable thresholds, got {self.input_type.name}"
            )
        self.output_type.check(self.start + self.step * np.arange(table.shape[1] + 1), f"{self.name} output")
        table.setflags(write=False)
        object.__setattr__(self, "thresholds", table)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Threshold):
            return NotImplemented
        same = self.name == other.name and self.to_record()[0] == other.to_record()[0]
        return same and np.array_equal(self.thresholds, other.thresholds)

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.thresholds.tobytes()))

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.input_type, self.pe)

    @property
    def output(self) -> Stream:
        return Stream(self.shape, self.output_type, self.pe)

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    @property
    def levels(self) -> int:
        """Bits of the count, and depth of the search."""
        return self.thresholds.shape[1].bit_length()

    def needs(self) -> np.ndarray:
        """Output beat n needs n + 1 beats."""
        return np.arange(1, self.output.beats + 1)

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape) -> int64 (N, *shape)."""
        count = np.zeros(values.shape, np.int64)
        for row in self.thresholds.T:
            count += values >= row
        return self.start + self.step * count

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        """Small tables compare at once, larger ones threshold by threshold to bound memory."""
        builder.require_exact(max(self.input_type.max + 1, 1 - self.input_type.min), f"{self.name} input")
        builder.require_exact(max(self.output_type.max, -self.output_type.min), f"{self.name} output")
        image = builder.add("Reshape", tensor, builder.constant(np.array([-1, *self.shape], np.int64)))
        to = 1 if builder.dtype == np.float32 else 11  # TensorProto.FLOAT, TensorProto.DOUBLE
        if self.thresholds.shape[1] > 4 and self.input.elements * self.thresholds.shape[1] <= BROADCAST_LIMIT:
            last = builder.constant(np.array([-1], np.int64))
            reached = builder.add(
                "GreaterOrEqual", builder.add("Unsqueeze", image, last), builder.number(self.thresholds)
            )
            count = builder.add("ReduceSum", builder.add("Cast", reached, to=to), last, keepdims=0)
        else:
            count = ""
            for row in self.thresholds.T:
                reached = builder.add("Cast", builder.add("GreaterOrEqual", image, builder.number(row)), to=to)
                count = builder.add("Add", count, reached) if count else reached
        if self.step != 1:
            count = builder.add("Mul", count, builder.number(self.step))
        return builder.add("Add", count, builder.number(self.start)) if self.start else count

    def module(self) -> Module:
        folds, start, step = self.shape[-1] // self.pe, self.start, self.step
        if self.output_type.bipolar:
            start, step = (start + 1) // 2, step // 2
        parameters = {"PE": self.pe, "FOLDS": folds, "LEVELS": self.levels, "START": start, "STEP": step}
        parameters |= {"X_BITS": self.input_type.bits, "X_SIGNED": int(self.input_type.signed)}
        parameters |= {"Y_BITS": self.output_type.bits, "BLOCKS": sum(1 << j for j in self._blocks())}
        memories = {f"LEVEL{j}": self._memory(j) for j in range(self.levels)}
        if not self.writable:
            return Module("threshold", parameters, memories)
        lane = (self.pe - 1).bit_length()
        first = lane + (folds - 1).bit_length()
        registers = [
            Register(key, "thresholds", 1 << first + j, lane, self.input_type.bits + 1)
            for j, key in enumerate(memories)
        ]
        return Module("threshold", parameters | {"WRITABLE": 1}, memories, registers=tuple(registers))

    def _blocks(self) -> list[int]:
        """Levels whose thresholds are in block RAM."""
        folds, bits = self.shape[-1] // self.pe, self.input_type.bits + 1
        return [level for level in range(self.levels) if in_blocks(folds << level, bits, self.writable)]

    def _memory(self, level: int) -> Memory:
        """Words of one search level, at fold * 2**level + count bits so far."""
        bits = self.input_type.bits + 1
        nodes = (1 << level, 1 << self.levels - level)  # how many, and how far apart
        columns = np.arange(nodes[0]) * nodes[1] + nodes[1] // 2 - 1
        codes = np.full((self.shape[-1], (1 << self.levels) - 1), 1 << self.input_type.bits, np.int64)  # never
        codes[:, : self.thresholds.shape[1]] = self._codes()
        table = codes[:, columns].reshape(-1, self.pe, nodes[0]).transpose(0, 2, 1).reshape(-1, self.pe)
        words = tuple(sum(int(code) << lane * bits for lane, code in enumerate(word)) for word in table)
        return Memory(self.pe * bits, words)

    def _codes(self) -> np.ndarray:
        """How many values of the input type lie below each threshold: the offset-binary code that reaches it."""
        if self.input_type.bipolar:
            return (self.thresholds > -1).astype(np.int64) + (self.thresholds > 1)
        return np.maximum(self.thresholds - self.input_type.min, 0)

    def resources(self) -> Resources:
        """Per element of a beat and level: a comparator, the delayed value, the thresholds (see README.md)."""
        bits, folds, blocks = self.input_type.bits + 1, self.shape[-1] // self.pe, self._blocks()
        # The last level's fold is not needed any more.
        fold_bits = (folds - 1).bit_length() * (self.levels + sum(level < self.levels - 1 for level in blocks))
        plain = self.start == 0 and self.step == 1
        total = Resources(lut4=self.pe * (1 if plain else self.output_type.bits), ff=self.pe * self.output_type.bits)
        for level in range(self.levels):
            waits = 2 if level in blocks else 1
            lane = Resources(lut4=2 * ceil(bits / 2), ff=waits * (bits - 1 + level))
            total = sum([lane] * self.pe, total)
            if self.writable:
                wait = Resources(ff=bits if level in blocks else 0)
                total = sum([rewritable(folds << level, bits, 1) + wait] * self.pe, total)
            elif level in blocks:
                total = sum([rom(folds << level, bits, "block") + Resources(ff=bits)] * self.pe, total)
            else:
                total = sum((rom(folds << level, width, "distributed") for width in self._columns(level)), total)
        return total + Resources(lut4=12, ff=self.levels + len(blocks) + 1 + fold_bits)

    def _columns(self, level: int) -> list[int]:
        """Per memory of a level, its bits that are neither constant nor equal to another one's.

        The first level's address is the fold alone: there all lanes share one memory.
        """
        memory = self._memory(level)
        words = np.array([[word >> bit & 1 for bit in range(memory.width)] for word in memory.words], np.uint8)
        lanes = [words] if level == 0 else np.split(words, self.pe, axis=1)
        return [int(sum(0 < column.sum() < len(column) for column in np.unique(lane, axis=1).T)) for lane in lanes]

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        parameters = {"shape": list(self.shape), "input_type": self.input_type.name, "pe": self.pe}
        parameters |= {"output_type": self.output_type.name, "start": int(self.start), "step": int(self.step)}
        parameters |= {"writable": True} if self.writable else {}
        return parameters, {"thresholds": self.thresholds}

    @classmethod
    def from_record(cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]) -> Threshold:
        """Raises KeyError or TypeError where the record is not what `to_record` gives."""
        p = dict(parameters)
        types = {key: IntType.parse(p.pop(key)) for key in ("input_type", "output_type")}
        return cls(name, tuple(p.pop("shape")), thresholds=arrays["thresholds"], **types, **p)


OP = Threshold
