"""What every operator answers for its own parameters: the protocol, the small records it speaks in, and the view of
its streams that is the same for operators of one stream and of several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from hw.onnx_builder import OnnxBuilder
from hw.stream import Stream


@dataclass(frozen=True, slots=True)
class Memory:
    """Contents of one `$readmemh` file: `words[i]` is the unsigned integer at address i, `width` its bits."""

    width: int
    words: tuple[int, ...]

    @classmethod
    def pack(cls, codes: np.ndarray, bits: int) -> Memory:
        """Codes (words, lanes) of `bits` bits each: one word per row, lane 0 in the least significant bits."""
        planes = (codes[:, :, None] >> np.arange(bits)) & 1
        packed = np.packbits(planes.reshape(len(codes), -1).astype(np.uint8), axis=1, bitorder="little")
        return cls(codes.shape[1] * bits, tuple(int.from_bytes(row.tobytes(), "little") for row in packed))

    def hex(self) -> str:
        digits = (self.width + 3) // 4
        return "".join(f"{word:0{digits}x}\n" for word in self.words)


@dataclass(frozen=True, slots=True)
class Register:
    """A memory that can be rewritten while the circuit stands, through its operator's configuration port.

    `memory`: its key among the module's memories. `parameter`: the operator's array that it holds. A word of the memory
    is written in columns of `column_bits` (1 to 32; the last one may have fewer): column c of word w lies at the
    operator's address `base` + (w << `shift`) + c.
    """

    memory: str
    parameter: str
    base: int
    shift: int
    column_bits: int

    def columns(self, memory: Memory) -> int:
        return -(-memory.width // self.column_bits)

    def contents(self, memory: Memory) -> dict[int, int]:
        """Operator's address -> bits of that column."""
        columns, mask = self.columns(memory), (1 << self.column_bits) - 1
        return {
            self.base + (index << self.shift) + column: word >> column * self.column_bits & mask
            for index, word in enumerate(memory.words)
            for column in range(columns)
        }


@dataclass(frozen=True, slots=True)
class Module:
    """An instance of an operator's SystemVerilog module.

    `name`: the module, in `hw/ops/<kind>/<kind>.sv`. `parameters`: integer parameters. `memories`: string
    parameter -> contents; the stitcher writes each to a file and passes its relative path as that parameter.
    `side_by_side`: the number of streams is a parameter, so all that go in lie in one vector `in_data` (the first one
    lowest), with one bit each in `in_valid` and `in_ready`, and so do those that go out. `rooms`: further kinds whose
    modules this one instantiates. `registers`: the memories that can be rewritten; where there are any, the module has
    the ports `cfg_write`, `cfg_address` (24 bits) and `cfg_data` (32 bits).
    """

    name: str
    parameters: dict[str, int]
    memories: dict[str, Memory] = field(default_factory=dict)
    side_by_side: bool = False
    rooms: tuple[str, ...] = ()
    registers: tuple[Register, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """Estimated cost on an ECP5-like device: LUT4s, flip-flops, 18-kbit block RAMs, 18x18 multipliers."""

    lut4: int = 0
    ff: int = 0
    ebr: int = 0
    dsp: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.lut4 + other.lut4, self.ff + other.ff, self.ebr + other.ebr, self.dsp + other.dsp)


@runtime_checkable
class Op(Protocol):
    """One operator of a dataflow: a frozen dataclass with integer parameters.

    Every concrete operator stores its parameters and derives the rest. `kind` is the name of its room. Its
    SystemVerilog module has the ports `clk`, `rst` (synchronous, active high), `in_data/in_valid/in_ready`,
    `out_data/out_valid/out_ready`, and returns to its initial state on `rst`.

    What is written here is an operator of one stream in, one stream out. One that takes several has `inputs`, a tuple
    of streams, instead of `input`, the ports `in0_data`, `in1_data`, ... (or `Module.side_by_side`), and gets as many
    values in `golden` and tensors in `to_onnx`. One that gives several has `outputs`, the ports `out0_data`, ..., and
    returns tuples of them. Whoever walks a dataflow uses `inputs_of`, `outputs_of`, `golden_of` and `onnx_of`, which
    hide the difference.
    """

    name: str

    @property
    def kind(self) -> str: ...

    @property
    def input(self) -> Stream: ...

    @property
    def output(self) -> Stream: ...

    @property
    def cycles_per_frame(self) -> int:
        """Initiation interval of this operator alone, in clock cycles, when nothing around it stalls."""

    def needs(self) -> np.ndarray:
        """int64 (output.beats,): how many input beats of a frame must be there before each output beat can leave.

        Never falling; a tuple of one such array for each stream it takes where there are several. Decides how deep a
        fifo beside the operator must be (`hw/branch_depths.py`)."""

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *input.shape) -> int64 (N, *output.shape), exactly what the circuit computes."""

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        """Adds standard ONNX nodes that compute `golden` on `tensor`, (N, *input.shape); names the result."""

    def module(self) -> Module:
        """The SystemVerilog instance."""

    def resources(self) -> Resources:
        """Estimate before synthesis."""

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """JSON-able parameters and integer arrays, enough for `from_record` to build an equal operator."""


def inputs_of(op: Op) -> tuple[Stream, ...]:
    """Every stream that the operator takes, in the order of its ports."""
    return op.inputs if hasattr(op, "inputs") else (op.input,)


def outputs_of(op: Op) -> tuple[Stream, ...]:
    """Every stream that the operator gives, in the order of its ports."""
    return op.outputs if hasattr(op, "outputs") else (op.output,)


def stream_names(op: Op) -> tuple[str, ...]:
    """Names of the streams that the operator gives: its own, or `name.0`, `name.1`, ... where there are several."""
    count = len(outputs_of(op))
    return (op.name,) if count == 1 else tuple(f"{op.name}.{index}" for index in range(count))


def golden_of(op: Op, *values: np.ndarray) -> tuple[np.ndarray, ...]:
    """One int64 array (N, *shape) for each stream it takes -> one for each that it gives."""
    result = op.golden(*values)
    return result if isinstance(result, tuple) else (result,)


def onnx_of(op: Op, builder: OnnxBuilder, *tensors: str) -> tuple[str, ...]:
    """One tensor (N, *shape) for each stream it takes -> one for each that it gives."""
    result = op.to_onnx(builder, *tensors)
    return result if isinstance(result, tuple) else (result,)


def needs_of(op: Op) -> tuple[np.ndarray, ...]:
    """For each stream it takes: int64 (beats out,), input beats of a frame that each output beat waits for.

    An operator without `needs` is taken to wait for whole frames, which is always enough.
    """
    if not hasattr(op, "needs"):
        return tuple(np.full(outputs_of(op)[0].beats, stream.beats) for stream in inputs_of(op))
    result = op.needs()
    return result if isinstance(result, tuple) else (result,)
