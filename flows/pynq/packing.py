"""Integers to the bytes of FINN's DMA and back.

The innermost dimension of a folded tensor is one word of the stream: element 0 in the lowest bits, each element in
two's complement, the word in little-endian bytes and padded to whole ones (finn.util.data_packing, both reversals).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from flows.errors import FlowError

MAX_BITS = 32


@dataclass(frozen=True)
class ElementType:
    """`bipolar`: -1 and 1, in one bit 0 and 1."""

    bits: int
    signed: bool = False
    bipolar: bool = False

    @property
    def low(self) -> int:
        return -1 if self.bipolar else -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return 1 if self.bipolar else (1 << (self.bits - self.signed)) - 1


def element_type(name: str) -> ElementType:
    """From FINN's name: UINT8, INT13, BINARY, BIPOLAR. Raises FlowError for any other."""
    if name == "BIPOLAR":
        return ElementType(1, bipolar=True)
    found = re.fullmatch(r"(U?)INT([1-9]\d?)", "UINT1" if name == "BINARY" else name)
    if not found or int(found[2]) > MAX_BITS:
        raise FlowError(f"expected integers of at most {MAX_BITS} bits, got FINN's type {name}")
    return ElementType(int(found[2]), signed=not found[1])


def word_bytes(elements: int, kind: ElementType) -> int:
    return -(-elements * kind.bits // 8)


def pack(values: np.ndarray, kind: ElementType) -> np.ndarray:
    """Integers (..., elements) -> uint8 (..., bytes). Raises FlowError for a value outside the type."""
    if values.size and (values.min() < kind.low or values.max() > kind.high or (kind.bipolar and (values == 0).any())):
        raise FlowError(f"expected values of {kind}, got {values.min()} to {values.max()}")
    if kind.bipolar:
        values = (values + 1) // 2
    if kind.bits == 8:
        return values.astype(np.int8 if kind.signed else np.uint8).view(np.uint8)
    count = values.shape[-1]
    container = "<i2" if kind.bits <= 16 else "<i8"
    raw = np.ascontiguousarray(values, container)
    raw = raw.view(np.uint8).reshape(*values.shape, raw.itemsize)
    bits = np.unpackbits(raw, axis=-1, bitorder="little")[..., : kind.bits]
    return np.packbits(bits.reshape(*values.shape[:-1], count * kind.bits), axis=-1, bitorder="little")


def unpack(packed: np.ndarray, kind: ElementType, elements: int) -> np.ndarray:
    """uint8 (..., bytes) -> int64 (..., elements). Raises FlowError where the number of bytes is another."""
    if packed.shape[-1] != word_bytes(elements, kind):
        raise FlowError(f"expected words of {word_bytes(elements, kind)} bytes, got {packed.shape[-1]}")
    bits = np.unpackbits(packed, axis=-1, bitorder="little")[..., : elements * kind.bits]
    bits = bits.reshape(*packed.shape[:-1], elements, kind.bits)
    values = bits @ (np.int64(1) << np.arange(kind.bits, dtype=np.int64))
    if kind.bipolar:
        return 2 * values - 1
    if kind.signed:
        values -= (values >> (kind.bits - 1)) << kind.bits
    return values
