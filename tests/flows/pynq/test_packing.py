"""Integers to bytes and back: a round trip for every width, and byte for byte what FINN's own functions give."""

from __future__ import annotations

import numpy as np
import pytest
from finn.util.data_packing import finnpy_to_packed_bytearray, packed_bytearray_to_finnpy
from hypothesis import given
from hypothesis import strategies as st
from qonnx.core.datatype import DataType

from flows.errors import FlowError
from flows.pynq.interface import Port
from flows.pynq.packing import ElementType, element_type, pack, unpack, word_bytes

WIDTHS = range(1, 17)
FOLDINGS = {"folded": (6, 4), "one word": (1, 24), "one element a word": (24, 1), "odd": (8, 3)}
"""How 24 elements lie in words."""


def kinds(bits: int) -> list[ElementType]:
    found = [ElementType(bits), ElementType(bits, signed=True)]
    return [*found, ElementType(1, bipolar=True)] if bits == 1 else found


def finn_name(kind: ElementType) -> str:
    if kind.bipolar:
        return "BIPOLAR"
    return f"{'' if kind.signed else 'U'}INT{kind.bits}" if kind.bits > 1 or kind.signed else "BINARY"


def tensors(kind: ElementType, count: int, seed: int) -> np.ndarray:
    """int64 (count, 24): random, the first all lowest, the second all highest, the third both in turn."""
    values = np.random.default_rng(seed).integers(kind.low, kind.high + 1, (count, 24))
    if kind.bipolar:
        values = np.where(values > 0, 1, -1)
    values[0], values[1], values[2] = kind.low, kind.high, np.resize([kind.low, kind.high], 24)
    return values


def there_and_back(count: int, seed: int, bits: int) -> None:
    for kind in kinds(bits):
        for folding in FOLDINGS.values():
            port, values = Port(kind, folding), tensors(kind, count, seed)
            packed = port.pack(values)
            assert packed.dtype == np.uint8 and packed.shape == (count, *port.packed)
            assert np.array_equal(port.unpack(packed), values), (kind, folding)


@pytest.mark.parametrize("bits", WIDTHS)
def test_every_width_comes_back(bits: int) -> None:
    there_and_back(500, bits, bits)


@pytest.mark.slow
@pytest.mark.parametrize("bits", WIDTHS)
def test_a_hundred_thousand_tensors_of_every_width_come_back(bits: int) -> None:
    for part in range(10):
        there_and_back(10_000, 100 * bits + part, bits)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("folding", FOLDINGS)
def test_the_bytes_are_finns(bits: int, folding: str) -> None:
    for kind in kinds(bits):
        if finn_name(kind) == "INT1":  # finn has no such type
            continue
        port, dtype = Port(kind, FOLDINGS[folding]), DataType[finn_name(kind)]
        values = tensors(kind, 20, bits)
        folded = values.reshape(20, *port.folded).astype(np.float32)
        theirs = finnpy_to_packed_bytearray(folded, dtype, reverse_inner=True, reverse_endian=True)
        assert np.array_equal(port.pack(values), theirs), kind
        read = packed_bytearray_to_finnpy(np.ascontiguousarray(theirs), dtype, folded.shape, True, True)
        assert np.array_equal(port.unpack(theirs), read.reshape(20, 24).astype(np.int64)), kind


@given(st.integers(1, 32), st.booleans(), st.integers(1, 40), st.integers(0, 2**32))
def test_any_word_comes_back_and_is_no_longer_than_it_must(bits: int, signed: bool, elements: int, seed: int) -> None:
    kind = ElementType(bits, signed)
    values = np.random.default_rng(seed).integers(kind.low, kind.high + 1, (3, elements))
    packed = pack(values, kind)
    assert packed.shape == (3, word_bytes(elements, kind)) and 8 * packed.shape[1] - elements * bits < 8
    assert np.array_equal(unpack(packed, kind, elements), values)
    as_number = sum(int(value) % (1 << bits) << (bits * place) for place, value in enumerate(values[0]))
    assert packed[0].tobytes() == as_number.to_bytes(packed.shape[1], "little")


@pytest.mark.parametrize("kind", [ElementType(3), ElementType(3, signed=True), ElementType(8)])
def test_values_outside_the_type_are_refused(kind: ElementType) -> None:
    for wrong in (kind.low - 1, kind.high + 1):
        with pytest.raises(FlowError, match="expected values of"):
            pack(np.array([[kind.low, wrong]]), kind)


def test_zero_is_no_bipolar_value() -> None:
    with pytest.raises(FlowError, match="expected values of"):
        pack(np.array([[-1, 0, 1]]), ElementType(1, bipolar=True))


def test_words_of_another_length_are_refused() -> None:
    with pytest.raises(FlowError, match="words of 2 bytes, got 3"):
        unpack(np.zeros((1, 3), np.uint8), ElementType(3), 5)


@pytest.mark.parametrize("name", ["FLOAT32", "INT0", "UINT99", "FIXED<8,4>", "TERNARY", ""])
def test_types_that_are_no_integers_are_refused(name: str) -> None:
    with pytest.raises(FlowError, match="expected integers"):
        element_type(name)


def test_types_have_finns_names() -> None:
    for bits in WIDTHS:
        for kind in kinds(bits):
            assert element_type(finn_name(kind)) == kind
