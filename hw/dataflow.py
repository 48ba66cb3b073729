"""`Dataflow`: the single source of truth for what the circuit computes. JSON + npz on disk, never pickle."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import onnx

from hw import registers, wiring
from hw.errors import HardwareError
from hw.onnx_builder import OnnxBuilder, Step
from hw.op import Op, Resources, golden_of, inputs_of, onnx_of, outputs_of, stream_names
from hw.stream import Stream
from hw.wiring import INPUT

FORMAT = 2
KINDS = (
    *("pad", "window", "matvec", "depthwise", "threshold", "stochastic_threshold", "maxpool", "accpool"),
    *("width_converter", "fifo", "argmax", "fork", "add", "concat", "vote"),
)
MAX_JSON_BYTES = 16 << 20
#: What json, zipfile and numpy raise for damaged or hostile files.
DAMAGE = (
    *(OSError, EOFError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error),
)


class Result(NamedTuple):
    """Scores int64 (N, classes) and labels int64 (N,), the argmax with ties to the lowest index."""

    scores: np.ndarray
    labels: np.ndarray


def op_class(kind: str) -> type:
    """The descriptor class of an operator's room: `hw/ops/<kind>/<kind>.py` exports it as `OP`."""
    if kind not in KINDS:
        raise HardwareError(f"unknown operator {kind!r}: expected one of {', '.join(KINDS)}")
    return import_module(f"hw.ops.{kind}.{kind}").OP


@dataclass(frozen=True)
class Dataflow:
    """Operators and the streams between them, a graph without loops.

    `name`: a Verilog identifier. `ops`: at least one, with unique names, each behind those it takes streams from.
    `sources`: operator name -> names of the streams it takes, in the order of its ports; None for a chain. A stream
    is named `input` (the network's), as the operator that gives it, or `op.0`, `op.1`, ... where that one gives
    several. Every stream goes to exactly one operator, so copies are made by `fork`; the last operator's only stream
    is the network's output. Raises HardwareError for anything else, and where a stream does not fit its port (shape
    up to flattening, dtype, elements per beat).
    """

    name: str
    ops: tuple[Op, ...]
    sources: Mapping[str, tuple[str, ...]] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ops", tuple(self.ops))
        if not self.ops:
            raise HardwareError("a dataflow needs at least one operator, got none")
        if not _is_identifier(self.name):
            raise HardwareError(f"expected a dataflow name that is an identifier, got {self.name!r}")
        names = [op.name for op in self.ops]
        for name in names:
            if not _is_identifier(name) or names.count(name) > 1 or name == INPUT:
                raise HardwareError(f"expected operator names to be unique identifiers, not {INPUT!r}, got {name!r}")
        sources = wiring.chain(self.ops) if self.sources is None else wiring.named(self.ops, self.sources)
        wiring.check(self.ops, sources)
        object.__setattr__(self, "sources", MappingProxyType(sources))

    @property
    def input(self) -> Stream:
        return inputs_of(self.ops[0])[0]

    @property
    def output(self) -> Stream:
        return outputs_of(self.ops[-1])[0]

    @property
    def streams(self) -> dict[str, Stream]:
        """Every stream by name, `input` first, then those of the operators in order."""
        pairs = (pair for op in self.ops for pair in zip(stream_names(op), outputs_of(op), strict=True))
        return {INPUT: self.input, **dict(pairs)}

    @property
    def cycles_per_frame_bound(self) -> int:
        """Initiation interval of the slowest operator: no schedule of the whole can be faster."""
        return max(op.cycles_per_frame for op in self.ops)

    @property
    def remembers(self) -> tuple[str, ...]:
        """Names of the operators whose result depends on how many frames came since the reset. Where there are any,
        `golden` of N frames is what the circuit gives for the first N after a reset, and there is no ONNX of it."""
        return tuple(op.name for op in self.ops if getattr(op, "remembers", False))

    def resources(self) -> Resources:
        return sum((op.resources() for op in self.ops), Resources())

    def golden(self, codes: np.ndarray) -> np.ndarray:
        """Integers (N, *input.shape) -> int64 (N, *output.shape), by the operators' numpy models."""
        (_, values) = deque(self.values(codes), maxlen=1)[0]
        return values

    def trace(self, codes: np.ndarray) -> Iterator[tuple[Op, np.ndarray]]:
        """Yields (operator, its int64 output) in order, for every operator that gives one stream."""
        ops = {op.name: op for op in self.ops}
        yield from ((ops[name], values) for name, values in self.values(codes) if name in ops)

    def values(self, codes: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yields (stream name, its int64 values (N, *shape)) for every stream that an operator gives, in order."""
        values = np.asarray(codes)
        if values.dtype.kind not in "iu" or values.shape[1:] != self.input.shape:
            raise HardwareError(
                f"expected integers of shape (N, {', '.join(map(str, self.input.shape))}), "
                f"got {values.dtype} {values.shape}"
            )
        self.input.dtype.check(values, "input")
        waiting = {INPUT: values.astype(np.int64)}
        for op in self.ops:
            taken = (waiting.pop(name) for name in self.sources[op.name])
            shaped = (v.reshape(len(v), *s.shape) for v, s in zip(taken, inputs_of(op), strict=True))
            for name, given in zip(stream_names(op), golden_of(op, *shaped), strict=True):
                waiting[name] = given
                yield name, given

    def result(self, output: np.ndarray) -> Result:
        """Splits the last stream's values, (N, *output.shape), into scores and labels.

        A final `argmax` that emits scores sends them first and the label last; without one, labels are computed.
        """
        flat = np.asarray(output, dtype=np.int64).reshape(len(output), -1)
        if self.ops[-1].kind == "argmax":
            if flat.shape[1] == 1:
                raise HardwareError("this dataflow emits labels only; compile it with emit_scores to have scores")
            return Result(flat[:, :-1], flat[:, -1])
        return Result(flat, flat.argmax(axis=1))

    def to_onnx(self) -> onnx.ModelProto:
        """Standard ONNX of the whole, exact for every input; float32 inside where that is provably enough."""
        steps = [Step(self.sources[op.name], stream_names(op), self._onnx_step(op)) for op in self.ops]
        try:
            return OnnxBuilder(np.float32).build(self.input.shape, INPUT, steps)
        except HardwareError:
            return OnnxBuilder(np.float64).build(self.input.shape, INPUT, steps)

    def _onnx_step(self, op: Op) -> Callable[..., tuple[str, ...]]:
        streams = self.streams

        def step(builder: OnnxBuilder, *tensors: str) -> tuple[str, ...]:
            ports = zip(tensors, self.sources[op.name], inputs_of(op), strict=True)
            return onnx_of(op, builder, *(builder.shaped(t, streams[name].shape, to.shape) for t, name, to in ports))

        return step

    def save(self, folder: Path) -> None:
        """Writes `dataflow.json` and `dataflow.npz` into an existing folder, and where operators are writable the map
        of their addresses, `registers.json`."""
        records, arrays = [], {}
        for index, op in enumerate(self.ops):
            parameters, integers = op.to_record()
            record = {"kind": op.kind, "name": op.name, "sources": list(self.sources[op.name])}
            records.append(record | {"parameters": parameters, "arrays": sorted(integers)})
            arrays |= {f"{index}.{key}": np.asarray(value, dtype=np.int64) for key, value in integers.items()}
        np.savez_compressed(folder / "dataflow.npz", **arrays)
        text = json.dumps({"format": FORMAT, "name": self.name, "ops": records}, indent=1)
        (folder / "dataflow.json").write_text(text + "\n")
        if registers.blocks(self):
            (folder / registers.FILE).write_text(registers.as_text(self))
        else:
            (folder / registers.FILE).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Dataflow:
        """Reads what `save` wrote. Raises HardwareError for anything else; runs no code from the files."""
        path = folder / "dataflow.json"
        try:
            if path.stat().st_size > MAX_JSON_BYTES:
                raise HardwareError(f"{path}: larger than {MAX_JSON_BYTES} bytes, not a dataflow")
            record = json.loads(path.read_text())
            if record["format"] != FORMAT:
                raise HardwareError(f"{path}: expected format {FORMAT}, got {record['format']}; compile again")
            # Opened here, because numpy leaves a file open that turns out to be damaged.
            with (folder / "dataflow.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                ops = tuple(
                    op_class(op["kind"]).from_record(
                        op["name"], op["parameters"], {key: arrays[f"{index}.{key}"] for key in op["arrays"]}
                    )
                    for index, op in enumerate(record["ops"])
                )
            return cls(record["name"], ops, {op["name"]: op["sources"] for op in record["ops"]})
        except HardwareError:
            raise
        except DAMAGE as error:
            raise HardwareError(
                f"{folder}: expected a dataflow (dataflow.json + dataflow.npz), got {error!r}; compile again"
            ) from error


def _is_identifier(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) is not None
