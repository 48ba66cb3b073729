"""`stochastic_threshold`: thresholds with noise, which round at random between neighbouring levels.

The quantizer of an ensemble after arXiv 2312.00105 in the form that its text leaves executable: stochastic rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hw.ecp5_memory import rom
from hw.errors import HardwareError
from hw.inttype import MAX_BITS, IntType
from hw.onnx_builder import OnnxBuilder
from hw.op import Memory, Module, Resources
from hw.ops.stochastic_threshold import lfsr
from hw.ops.threshold.threshold import Threshold
from hw.stream import Stream

MAX_DRAW_BITS = 16
#: Draws of a batch made at once, which bounds the memory.
CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class StochasticThreshold:
    """y = start + step * #{t in thresholds[c] : x + d >= t}, d = floor(r * spread[c] / 2**draw_bits) - spread[c] // 2.

    `shape`: (..., C) of both streams. `input_type`: at most 47 bits, not bipolar. `thresholds`: integers (C, T), each
    row ascending, 1 <= T <= 255, from `input_type.min - spread[c]` (surely below x + d) to `input_type.max +
    spread[c]` (never reached). `output_type`, `pe`, `start`, `step`: as in `Threshold`. `spread`: integers (C,), 0
    (no noise) to 2**input bits: how many values d has; the distance of two thresholds makes it stochastic rounding.
    `draw_bits`: 1 to 16, of r. `seed`: 0 to 2**63 - 1. r of element e (in C order, counted over all frames since the
    reset, or over one frame if `restart_every_frame`) is made of bits e * draw_bits, ... of a 63-bit LFSR's sequence
    (see `lfsr.py`), the first one lowest, whatever `pe` is. Raises HardwareError for anything else.
    """

    name: str
    shape: tuple[int, ...]
    input_type: IntType
    thresholds: np.ndarray
    output_type: IntType
    pe: int
    spread: np.ndarray
    start: int = 0
    step: int = 1
    seed: int = 0
    draw_bits: int = 8
    restart_every_frame: bool = False

    kind: ClassVar[str] = "stochastic_threshold"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        kind, channels = self.input_type, self.shape[-1]
        if kind.bipolar or kind.bits >= MAX_BITS:
            raise HardwareError(f"{self.name}: expected an integer type of 1 to 47 bits, got {kind.name}")
        if not 1 <= self.draw_bits <= MAX_DRAW_BITS:
            raise HardwareError(f"{self.name}: expected draws of 1 to {MAX_DRAW_BITS} bits, got {self.draw_bits}")
        if not 0 <= self.seed < 1 << lfsr.LENGTH:
            raise HardwareError(f"{self.name}: expected a seed from 0 to 2**63 - 1, got {self.seed}")
        spread, table = np.array(self.spread), np.array(self.thresholds)
        if spread.dtype.kind not in "iu" or spread.shape != (channels,):
            raise HardwareError(
                f"{self.name}: expected an integer spread ({channels},), got {spread.dtype} {spread.shape}"
            )
        if spread.min() < 0 or spread.max() > 1 << kind.bits:
            raise HardwareError(
                f"{self.name}: expected spreads from 0 to 2**{kind.bits}, got {spread.min()}..{spread.max()}"
            )
        spread = spread.astype(np.int64)
        # The threshold room checks what remains, on the sum as the circuit has it.
        if table.dtype.kind in "iu" and table.ndim == 2 and len(table) == channels:
            table = table.astype(np.int64)
            low, high = kind.min - spread[:, None], kind.max + spread[:, None]
            if np.any(table < np.minimum(low, kind.min - 1)) or np.any(table > np.maximum(high, kind.max + 1)):
                raise HardwareError(
                    f"{self.name}: expected thresholds from {kind.min} - spread to {kind.max} + spread, "
                    f"got {table.min()}..{table.max()}; clip them"
                )
            shifted = np.clip(table - kind.min + spread[:, None] // 2, -1, 1 << kind.bits + 1)
        else:
            shifted = table
        sums = IntType(kind.bits + 1, False)
        inner = Threshold(
            self.name, self.shape, sums, shifted, self.output_type, self.pe, int(self.start), int(self.step)
        )
        for field, array in (("thresholds", table), ("spread", spread)):
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        object.__setattr__(self, "_threshold", inner)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StochasticThreshold):
            return NotImplemented
        same = self.name == other.name and self.to_record()[0] == other.to_record()[0]
        arrays = ((self.thresholds, other.thresholds), (self.spread, other.spread))
        return same and all(np.array_equal(a, b) for a, b in arrays)

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.seed, self.thresholds.tobytes()))

    @property
    def input(self) -> Stream:
        return Stream(self.shape, self.input_type, self.pe)

    @property
    def output(self) -> Stream:
        return self._threshold.output

    @property
    def cycles_per_frame(self) -> int:
        return self.input.beats

    @property
    def remembers(self) -> bool:
        """A frame's result depends on how many came before it since the reset."""
        return not self.restart_every_frame

    def needs(self) -> np.ndarray:
        """Output beat n needs n + 1 beats."""
        return np.arange(1, self.input.beats + 1)

    def dither(self, frames: int) -> np.ndarray:
        """d of the first `frames` frames after a reset, int64 (frames, *shape)."""
        count, state = self.input.elements, lfsr.initial_state(self.seed)
        if self.restart_every_frame:
            r, _ = lfsr.draws(state, count, self.draw_bits)
            return np.broadcast_to(self._scaled(r.reshape(1, *self.shape)), (frames, *self.shape))
        noise, chunk = np.empty((frames, *self.shape), np.int64), max(1, CHUNK // count)
        for first in range(0, frames, chunk):
            part = noise[first : first + chunk]
            r, state = lfsr.draws(state, part.size, self.draw_bits)
            part[:] = self._scaled(r.reshape(part.shape))
        return noise

    def _scaled(self, r: np.ndarray) -> np.ndarray:
        return (r * self.spread >> self.draw_bits) - self.spread // 2

    def golden(self, values: np.ndarray) -> np.ndarray:
        """int64 (N, *shape), the first N frames after a reset -> int64 (N, *shape)."""
        return self._threshold.golden(values + self.dither(len(values)) + (self.spread // 2 - self.input_type.min))

    def to_onnx(self, builder: OnnxBuilder, tensor: str) -> str:
        """Raises HardwareError unless `restart_every_frame`: standard ONNX does not know which frame it computes."""
        if not self.restart_every_frame:
            raise HardwareError(
                f"{self.name}: its noise goes on from frame to frame, which ONNX cannot hold: use Dataflow.golden, "
                "or set restart_every_frame"
            )
        builder.require_exact((1 << self.input_type.bits + 1) + abs(self.input_type.min), f"{self.name} sum")
        image = builder.add("Reshape", tensor, builder.constant(np.array([-1, *self.shape], np.int64)))
        offsets = self.dither(1)[0] + (self.spread // 2 - self.input_type.min)
        return self._threshold.to_onnx(builder, builder.add("Add", image, builder.number(offsets)))

    def module(self) -> Module:
        inner, bits = self._threshold.module(), self._spread_bits
        parameters = inner.parameters | {"X_BITS": self.input_type.bits, "X_SIGNED": int(self.input_type.signed)}
        parameters |= {"BEATS": self.input.beats, "DRAW_BITS": self.draw_bits, "SPREAD_BITS": bits}
        parameters |= {"STATE": lfsr.initial_state(self.seed), "RESTART": int(self.restart_every_frame)}
        spreads = Memory.pack(self.spread.reshape(-1, self.pe), bits)
        return replace(
            inner,
            name="stochastic_threshold",
            parameters=parameters,
            memories=inner.memories | {"SPREADS": spreads},
            rooms=("threshold",),
        )

    @property
    def _spread_bits(self) -> int:
        return max(1, int(self.spread.max()).bit_length())

    def resources(self) -> Resources:
        """Those of the threshold; the shift register; per lane an adder for each bit drawn, and the sum."""
        bits, drawn, folds = self._spread_bits, self.draw_bits, self.shape[-1] // self.pe
        products, sums = drawn * bits + drawn * (drawn + 1) // 2, self.input_type.bits + 1
        lane = Resources(lut4=drawn * (bits + 1) + sums + drawn, ff=products + sums)
        # Of so few words, bits of different spreads are the same function of the fold and share their delays.
        delayed = min(self.pe * bits, (1 << min(folds, 10)) - 2)
        counters = folds.bit_length() + (self.input.beats.bit_length() if self.restart_every_frame else 0)
        control = Resources(lut4=lfsr.LENGTH + 2 * counters + 6, ff=lfsr.LENGTH + counters + drawn + 2)
        control += Resources(ff=(drawn - 1) * delayed)
        return sum([lane] * self.pe, self._threshold.resources() + rom(folds, self.pe * bits) + control)

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        names = ("shape", "input_type", "output_type", "pe", "start", "step", "seed", "draw_bits")
        values = {name: getattr(self, name) for name in (*names, "restart_every_frame")}
        values |= {"shape": list(self.shape), "input_type": self.input_type.name}
        values |= {"output_type": self.output_type.name, "start": int(self.start), "step": int(self.step)}
        return values, {"thresholds": self.thresholds, "spread": self.spread}

    @classmethod
    def from_record(
        cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]
    ) -> StochasticThreshold:
        """Raises KeyError or TypeError where the record is not what `to_record` gives."""
        p = dict(parameters)
        types = {key: IntType.parse(p.pop(key)) for key in ("input_type", "output_type")}
        tables = {key: arrays[key] for key in ("thresholds", "spread")}
        return cls(name, tuple(p.pop("shape")), **types, **tables, **p)


OP = StochasticThreshold
