"""Descriptor of an operator that breaks the stream contract in the way that `mode` says."""

from __future__ import annotations

from dataclasses import dataclass

from hw.op import Module
from hw.ops.fifo.fifo import Fifo


@dataclass(frozen=True)
class Waver(Fifo):
    mode: int = 0

    def module(self) -> Module:
        return Module("waver", {"WIDTH": self.input.width, "MODE": self.mode})
