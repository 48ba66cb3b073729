"""Where random parameters come from: numpy for long runs, hypothesis for runs that shrink what they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hw.inttype import IntType

T = TypeVar("T")


class Drawer(Protocol):
    def integer(self, low: int, high: int) -> int:
        """One of low..high."""

    def choice(self, values: Sequence[T]) -> T:
        """One of them."""

    def array(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        """int64 of that shape, each of low..high; the two ends come often."""


class Seeded:
    """Of one seed, always the same."""

    def __init__(self, *seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high, endpoint=True))

    def choice(self, values: Sequence[T]) -> T:
        return values[self.integer(0, len(values) - 1)]

    def array(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        values = self.random.integers(low, high, shape, endpoint=True)
        ends = np.where(self.random.random(shape) < 0.5, low, high)
        return np.where(self.random.random(shape) < 0.2, ends, values)


class Searching:
    """Of hypothesis' `st.data()`."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def integer(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def choice(self, values: Sequence[T]) -> T:
        return self.data.draw(st.sampled_from(values))

    def array(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        return self.data.draw(hnp.arrays(np.int64, shape, elements=st.integers(low, high)))


def draw_type(drawer: Drawer, bits: int, *, bipolar: bool = True) -> IntType:
    """Unsigned, signed or bipolar, of at most `bits` bits."""
    kind = drawer.integer(0, 4 if bipolar else 3)
    return IntType(1, False, True) if kind == 4 else IntType(drawer.integer(1, bits), kind < 2)


def draw_values(drawer: Drawer, dtype: IntType, shape: tuple[int, ...]) -> np.ndarray:
    """int64 of that shape over the whole type."""
    return 2 * drawer.array(0, 1, shape) - 1 if dtype.bipolar else drawer.array(dtype.min, dtype.max, shape)


def divisor(drawer: Drawer, number: int) -> int:
    return drawer.choice([n for n in range(1, number + 1) if number % n == 0])
