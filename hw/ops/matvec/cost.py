"""What a matrix-vector unit costs on an ECP5, before synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from hw.ecp5_memory import ram, rewritable, rom
from hw.op import Resources


@dataclass(frozen=True, slots=True)
class Shape:
    """The circuit's parameters, as `matvec.sv` names them. `memory`: "auto", "distributed" or "block"; `biased`: it
    has biases other than 0; `multiply`: with multipliers; `writable`: weights and biases can be rewritten."""

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
    biased: bool
    multiply: bool
    writable: bool

    @property
    def planes(self) -> int:
        """Bits of the operand that is taken bit by bit."""
        if self.w_bipolar and not self.xnor:
            return 2
        return self.w_bits if self.serial_weights else self.x_bits

    @property
    def weights_in_blocks(self) -> bool:
        return self.weight_memory.ebr > 0

    @property
    def weight_memory(self) -> Resources:
        words, width = self.beats * self.folds, self.pe * self.simd * self.w_bits
        if self.writable:
            return rewritable(words, width, ceil(width / (32 // self.w_bits * self.w_bits)), self.memory)
        return rom(words, width, self.memory)

    @property
    def bias_memory(self) -> Resources:
        if self.writable:
            return rewritable(self.folds, self.pe * self.y_bits, self.pe)
        return rom(self.folds, self.pe * self.y_bits) if self.biased else Resources()

    @property
    def ring_in_blocks(self) -> bool:
        return self.folds > 1 and ram(2 * self.beats, self.simd * self.x_bits).ebr > 0

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


def estimate(shape: Shape) -> Resources:
    """Adder trees, accumulator and output by their bits; weights and ring by theirs (see README.md).

    The terms `bit ? other operand : 0` cost no LUT4, only flip-flops with a synchronous reset; XNOR terms do.
    """
    terms, tree = shape.simd * shape.full_bits, adder_tree(shape.simd, shape.full_bits, shape.acc_bits)
    expanded = shape.w_bipolar and not shape.xnor
    planes = 1 if expanded else shape.planes  # of two planes, all rows share one
    plane_bits = min(shape.acc_bits, shape.full_bits + (shape.simd - 1).bit_length())
    joins = (shape.planes - 1) * min(shape.acc_bits, plane_bits + shape.planes)
    if shape.multiply:
        return _multipliers(shape) + _memories(shape) + _control(shape)
    row_ff = planes * (terms + tree) + joins + shape.acc_bits + shape.y_bits
    row_lut4 = planes * tree + joins + 2 * shape.acc_bits
    row_lut4 += shape.y_bits if shape.biased else 0
    row_lut4 += terms if shape.xnor else 0
    total = Resources(lut4=shape.pe * row_lut4, ff=shape.pe * row_ff)
    if expanded:
        total += Resources(lut4=tree, ff=terms + tree)
    return total + _memories(shape) + _control(shape)


def _multipliers(shape: Shape) -> Resources:
    product = min(shape.acc_bits, shape.x_bits + shape.w_bits)
    tree = adder_tree(shape.simd, product, shape.acc_bits)
    lut4 = tree + 2 * shape.acc_bits + (shape.y_bits if shape.biased else 0)
    ff = shape.simd * product + tree + shape.acc_bits + shape.y_bits
    return Resources(lut4=shape.pe * lut4, ff=shape.pe * ff, dsp=shape.pe * shape.simd)


def _memories(shape: Shape) -> Resources:
    """Weights, biases, ring, and the second register behind block RAM."""
    width, beat = shape.pe * shape.simd * shape.w_bits, shape.simd * shape.x_bits
    total = shape.weight_memory + shape.bias_memory
    total += ram(2 * shape.beats, beat) if shape.folds > 1 else Resources(ff=beat)
    if shape.weights_in_blocks or shape.ring_in_blocks:
        total += Resources(ff=width + beat)
    return total


def _control(shape: Shape) -> Resources:
    """Counters, the ring's four of them, and an inverter for each activation bit that clears a term."""
    address = max(1, (shape.beats * shape.folds - 1).bit_length())
    ring = (2 * shape.beats - 1).bit_length() if shape.folds > 1 else 0
    inverters = 0 if shape.serial_weights or shape.xnor or shape.multiply else shape.simd * shape.planes
    return Resources(lut4=12 + 3 * address + 13 * ring + inverters, ff=20 + 4 * address)
