"""Where writable numbers lie, and what turns one network into another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hw import registers
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.matvec.matvec import MatVec
from hw.ops.threshold.threshold import Threshold
from hw.top.stitch import stitch
from tests.hw.writable_network import bipolar, convolutional, lone_threshold


def with_ops(dataflow: Dataflow, **changes: object) -> Dataflow:
    """`name=operator` in place of the operator of that name."""
    return Dataflow(dataflow.name, tuple(changes.get(op.name, op) for op in dataflow.ops))


def test_blocks_are_aligned_and_do_not_overlap() -> None:
    found = registers.blocks(convolutional(0))
    assert [block.op.name for block in found] == ["conv", "act", "dense"]
    ends = [0, *(block.base + (1 << block.bits) for block in found)]
    for block, end in zip(found, ends, strict=False):
        assert block.base % (1 << block.bits) == 0 and block.base >= end
        held = block.contents()
        assert all(block.base <= address < block.base + (1 << block.bits) for address in held)
        memories = block.module.memories
        words = sum(len(memories[r.memory].words) * r.columns(memories[r.memory]) for r in block.module.registers)
        assert len(held) == words, "two columns share an address"
    assert registers.blocks(convolutional(0, writable=False)) == ()


def test_a_weight_lies_where_the_map_says() -> None:
    dataflow, described = convolutional(3), registers.record(convolutional(3))
    conv = dataflow.ops[2]
    (entry,) = [r for r in described["operators"][0]["registers"] if r["parameter"] == "weights"]
    held = dict(registers.contents(dataflow))
    for m, k in np.ndindex(conv.weights.shape):
        word = m // conv.pe * conv.beats + k // conv.simd
        bit = (m % conv.pe * conv.simd + k % conv.simd) * 3
        address = entry["base"] + word * entry["word_step"] + bit // entry["column_bits"]
        code = held[address] >> bit % entry["column_bits"] & 7
        assert conv.weight_type.decode(np.array(code)) == conv.weights[m, k]


def test_a_weight_never_straddles_two_columns() -> None:
    for bits in range(1, 9):
        kind = IntType(bits, False)
        op = MatVec("m", (), np.zeros((2, 40), int), kind, IntType(2, False), 2, 20, writable=True)
        (weights, _) = op.module().registers
        assert weights.column_bits % bits == 0 and weights.column_bits <= 32
        assert weights.columns(op.module().memories["WEIGHTS"]) == -(-40 * bits // weights.column_bits)


@pytest.mark.parametrize("make", [convolutional, lone_threshold, bipolar])
def test_writes_turn_one_image_into_the_other(make) -> None:
    old, new = make(1), make(2)
    change = registers.writes(old, new)
    assert change and change == sorted(change)
    assert dict(registers.contents(old)) | dict(change) == dict(registers.contents(new))
    assert registers.writes(old, old) == []
    assert len(change) < len(registers.contents(new))  # what is equal already stays


def test_one_threshold_is_one_word_for_each_level_that_holds_it() -> None:
    old = lone_threshold(0)
    op = old.ops[0]
    table = op.thresholds.copy()
    table[2, 3] += table[2, 3] == table[2, 2]  # stays ascending
    table[2, 3] = table[2, 4] if table[2, 3] != table[2, 4] else table[2, 2]
    change = registers.writes(old, with_ops(old, t=replace(op, thresholds=table)))
    assert [address for address, _ in change] == [0b1_10]  # level 0, lane 2


def test_refuses_what_is_no_matter_of_writable_numbers() -> None:
    old = convolutional(0)
    with pytest.raises(HardwareError, match="operators: the circuit has .*'wide', 'width_converter'.*build a new"):
        registers.writes(old, lone_threshold(0))
    with pytest.raises(HardwareError, match="conv writable: the circuit has True, the new network None: only the numb"):
        registers.writes(old, convolutional(1, writable=False))
    with pytest.raises(HardwareError, match="conv weight_type: the circuit has INT3, the new network INT5"):
        registers.writes(old, convolutional(1, weight_type=IntType.parse("INT5")))
    lone = lone_threshold(0)
    (op,) = lone.ops
    with pytest.raises(HardwareError, match=r"t thresholds: the circuit has \(4, 7\), the new network \(4, 6\)"):
        registers.writes(lone, with_ops(lone, t=replace(op, thresholds=op.thresholds[:, :6])))
    with pytest.raises(HardwareError, match="t start: the circuit has -3, the new network -4"):
        registers.writes(lone, with_ops(lone, t=replace(op, start=-4)))
    fixed = with_ops(lone, t=replace(op, writable=False))
    other = with_ops(fixed, t=replace(op, writable=False, thresholds=op.thresholds[::-1]))
    assert registers.writes(fixed, fixed) == []
    with pytest.raises(HardwareError, match="t thresholds: the circuit has .*build a new circuit"):
        registers.writes(fixed, other)


def test_writable_weights_leave_room_for_any_others() -> None:
    weights, kind, x = np.array([[1, 0], [-1, 2]]), IntType.parse("INT3"), IntType.parse("UINT2")
    fixed, free = (MatVec("m", (), weights, kind, x, 1, 1, writable=flag) for flag in (False, True))
    assert (fixed.output.dtype.name, free.output.dtype.name) == ("INT4", "INT6")  # -24 to 18 for any weights
    biased = replace(free, bias=np.array([1, 0]))
    assert biased.output.dtype == replace(free, bias=np.array([-24, 24])).output.dtype  # -48 to 42
    with pytest.raises(HardwareError, match="m: expected results of at most 32 bits with writable weights, got INT3"):
        replace(free, shift=31)


def test_writable_thresholds_have_a_limit() -> None:
    with pytest.raises(HardwareError, match="expected inputs of at most 31 bits with writable thresholds, got INT33"):
        Threshold("t", (1,), IntType(33, True), np.array([[0]]), IntType(1, False), 1, writable=True)


def test_the_map_is_saved_beside_the_dataflow(tmp_path: Path) -> None:
    dataflow = convolutional(4)
    dataflow.save(tmp_path)
    loaded = Dataflow.load(tmp_path)
    assert loaded.ops == dataflow.ops and registers.writes(dataflow, loaded) == []
    assert json.loads((tmp_path / "registers.json").read_text()) == registers.record(dataflow)
    convolutional(4, writable=False).save(tmp_path)
    assert not (tmp_path / "registers.json").exists()


def test_only_a_writable_circuit_has_the_port() -> None:
    plain, writable = stitch(convolutional(0, writable=False)), stitch(convolutional(0))
    assert "config_port.sv" not in plain and "cfg" not in plain["writable_stream.sv"]
    assert "config_port.sv" in writable
    top = writable["writable_stream.sv"]
    act = registers.blocks(convolutional(0))[1]
    assert f".cfg_write(cfg_write && cfg_write_address >> {act.bits} == 24'd{act.base >> act.bits})" in top


def test_addresses_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "ADDRESS_BITS", 6)
    with pytest.raises(HardwareError, match=r"writable: expected at most 2\*\*6 writable words, its addresses need "):
        registers.blocks(convolutional(0))
