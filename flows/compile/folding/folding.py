"""The folding of one unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Folding:
    """FINN's meaning of the words: a matrix unit of M rows and K columns works on `pe` rows (divides M) and `simd`
    columns (divides K) a cycle. Units without columns (depthwise, joins) have `simd` 1. `memory` of the weights and
    `products`: as of `hw.ops.matvec`."""

    pe: int
    simd: int = 1
    memory: str = "auto"
    products: str = "auto"
