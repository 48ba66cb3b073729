"""Descriptor of a broken operator: it promises what a fifo does, and swallows all beats after the first `limit`."""

from __future__ import annotations

from dataclasses import dataclass

from hw.op import Module
from hw.ops.fifo.fifo import Fifo


@dataclass(frozen=True)
class Swallow(Fifo):
    limit: int = 1

    def module(self) -> Module:
        return Module("swallow", {"WIDTH": self.input.width, "LIMIT": self.limit})
