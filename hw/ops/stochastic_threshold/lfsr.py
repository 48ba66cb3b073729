"""The shift register behind the dither: bit n of its sequence is bit n - 63 xor bit n - 62.

Its polynomial x^63 + x + 1 is primitive, so every state but 0 comes once in 2^63 - 1 bits. Both taps lie so far back
that a circuit may compute 62 bits at once with one gate each.
"""

from __future__ import annotations

import numpy as np

LENGTH = 63
_MASK64 = (1 << 64) - 1


def initial_state(seed: int) -> int:
    """The first 63 bits, bit n at position n, never 0: a 64-bit mix of `seed` (splitmix64, Steele et al. 2014), so that
    small seeds do not start with long runs of zeros."""
    state = 0
    while state == 0:
        seed = seed + 0x9E3779B97F4A7C15 & _MASK64
        mixed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & _MASK64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK64
        state = (mixed ^ mixed >> 31) >> 1
    return state


def sequence(state: int, count: int) -> tuple[np.ndarray, int]:
    """The next `count` bits, uint8 (count,), from a state on, and the state behind them."""
    bits = np.empty(count + LENGTH, np.uint8)
    bits[:LENGTH] = state >> np.arange(LENGTH, dtype=np.uint64) & np.uint64(1)
    known = LENGTH
    while known < len(bits):
        # Squaring the polynomial doubles the distance of its taps (x^126 + x^2 + 1, ...): ever longer blocks at once.
        scale = 1 << (known // LENGTH).bit_length() - 1
        size = min((LENGTH - 1) * scale, len(bits) - known)
        old, young = known - LENGTH * scale, known - (LENGTH - 1) * scale
        bits[known : known + size] = bits[old : old + size] ^ bits[young : young + size]
        known += size
    return bits[:count], sum(int(bit) << n for n, bit in enumerate(bits[count:]))


def draws(state: int, count: int, width: int) -> tuple[np.ndarray, int]:
    """`count` integers of `width` bits, int64 in [0, 2**width), each from bits of its own, the first one lowest."""
    bits, state = sequence(state, count * width)
    return bits.reshape(count, width) @ (np.int64(1) << np.arange(width)), state


class Draws:
    """What a circuit of that `seed` (0 to 2**63 - 1) draws after a reset: call after call, the next integers."""

    def __init__(self, seed: int) -> None:
        self._state = initial_state(seed)

    def __call__(self, count: int, width: int) -> np.ndarray:
        """`count` integers of `width` bits, as `draws` gives them."""
        result, self._state = draws(self._state, count, width)
        return result
