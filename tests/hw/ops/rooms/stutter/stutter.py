"""Descriptor of an operator that passes a beat on about every fifth cycle, at moments that `seed` chooses."""

from __future__ import annotations

from dataclasses import dataclass

from hw.op import Module
from hw.ops.fifo.fifo import Fifo


@dataclass(frozen=True)
class Stutter(Fifo):
    seed: int = 1

    @property
    def cycles_per_frame(self) -> int:
        return 8 * self.input.beats

    def module(self) -> Module:
        return Module("stutter", {"WIDTH": self.input.width, "SEED": self.seed})
