"""What a matrix-vector unit costs on an ECP5, before synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from hw.op import Resources

ROM_BITS_PER_LUT = 14
RING_LUT_PER_BLOCK = 8
AUTO_BLOCK_WORDS = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """The circuit's parameters, as `matvec.sv` names them. `memory`: "auto", "distributed" or "block"."""

    beats: int
    folds: int
    pe: int
    simd: int
    x_bits: int
    w_bits: int
    w_bipolar: bool
    xnor: bool
    serial_weights: bool
    acc_bits: int
    acc_signed: bool
    shift: int
    y_bits: int
    memory: str

    @property
    def planes(self) -> int:
        """Bits of the operand that is taken bit by bit."""
        if self.w_bipolar and not self.xnor:
            return 2
        return self.w_bits if self.serial_weights else self.x_bits

    @property
    def full_bits(self) -> int:
        """Bits of the other operand."""
        return self.x_bits if self.serial_weights else self.w_bits


def adder_tree(terms: int, bits: int, limit: int) -> int:
    """Bits of all adders that sum `terms` terms, each level at most `limit` bits wide."""
    total = 0
    while terms > 1:
        bits = min(bits + 1, limit)
        total += terms // 2 * bits
        terms = ceil(terms / 2)
    return total


def memory_cost(words: int, width: int) -> Resources:
    """A read-only memory in block RAM: 512 words of 36 bits, or fewer bits and more words."""
    per_block = 36 if words <= 512 else 18 if words <= 1024 else 9
    rows = max(1, ceil(words / 2048))
    return Resources(ebr=ceil(width / per_block) * rows)


def estimate(shape: Shape) -> Resources:
    """Terms, adder trees, accumulator and output by their bits; weights and ring by theirs (see README.md)."""
    plane_bits = min(shape.acc_bits, shape.full_bits + (shape.simd - 1).bit_length())
    terms = shape.simd * shape.planes * shape.full_bits
    trees = shape.planes * adder_tree(shape.simd, shape.full_bits, shape.acc_bits)
    joins = (shape.planes - 1) * min(shape.acc_bits, plane_bits + shape.planes)
    row = terms + trees + joins + shape.acc_bits + shape.y_bits
    lanes = Resources(lut4=shape.pe * (row + shape.acc_bits), ff=shape.pe * (row + shape.y_bits))

    words, width = shape.beats * shape.folds, shape.pe * shape.simd * shape.w_bits
    in_block = shape.memory == "block" or shape.memory == "auto" and words >= AUTO_BLOCK_WORDS
    if words == 1:
        weights = Resources()
    elif in_block:
        weights = memory_cost(words, width)
    else:
        weights = Resources(lut4=ceil(words * width / ROM_BITS_PER_LUT), ff=width)
    ring = Resources(ff=shape.simd * shape.x_bits)
    if shape.folds > 1:
        blocks = ceil(2 * shape.beats / 16) * ceil(shape.simd * shape.x_bits / 4)
        ring += Resources(lut4=RING_LUT_PER_BLOCK * blocks)
    address = max(1, (words - 1).bit_length())
    return lanes + weights + ring + Resources(lut4=20 + 6 * address, ff=20 + 4 * address)
