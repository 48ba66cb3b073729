"""Descriptor of an operator with a memory file: value v becomes `words[v]`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw.op import Memory, Module
from hw.ops.fifo.fifo import Fifo


@dataclass(frozen=True)
class Lookup(Fifo):
    words: tuple[int, ...] = ()

    def golden(self, values: np.ndarray) -> np.ndarray:
        return np.array(self.words)[values]

    def module(self) -> Module:
        width = self.input.width
        return Module("lookup", {"WIDTH": width}, {"TABLE": Memory(width, self.words)})
