"""The stitched top: its exact text, the files beside it, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.op import Memory, Module
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.width_converter.width_converter import WidthConverter
from hw.top.stitch import instance_name, stitch, top_module, write

GOLDEN = Path(__file__).with_name("small_stream.sv")


@dataclass(frozen=True)
class WithMemory(Fifo):
    """A fifo that claims a memory and a parameter."""

    extra: int = 0
    memory: str = "WEIGHTS"
    word: int = 1

    def module(self) -> Module:
        return Module("fifo", {"EXTRA": self.extra}, {self.memory: Memory(9, (self.word, 0x1FF, 16))})


def small() -> Dataflow:
    scores = IntType.parse("INT6")
    ops = (
        WidthConverter("narrow", (6,), scores, 3, 1),
        Fifo("wait", (6,), scores, 1, 4),
        Argmax("argmax0", 6, scores, True),
    )
    return Dataflow("small", ops)


def with_memory(**changes: object) -> Dataflow:
    op = WithMemory("conv0", (4,), IntType.parse("INT6"), 1, 2)
    return Dataflow("memory", (replace(op, **changes),))


def test_top_is_the_golden_text():
    assert stitch(small())["small_stream.sv"] == GOLDEN.read_text()


def test_holds_the_operators_own_sources(tmp_path):
    paths = write(small(), tmp_path / "rtl")
    assert [path.name for path in paths] == ["argmax.sv", "fifo.sv", "small_stream.sv", "width_converter.sv"]
    room = Path("hw/ops/fifo/fifo.sv")
    assert (tmp_path / "rtl" / "fifo.sv").read_text() == (Path(__file__).parents[3] / room).read_text()


def test_names():
    assert top_module(small()) == "small_stream"
    assert instance_name(small().ops[1]) == "u_wait"


def test_memory_is_a_file_beside_the_top(monkeypatch):
    monkeypatch.setattr("hw.top.stitch._sources", lambda op: [])
    files = stitch(with_memory())
    assert files["conv0_weights.hex"] == "001\n1ff\n010\n"
    assert '.WEIGHTS("conv0_weights.hex")' in files["memory_stream.sv"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (-(1 << 31), "-2147483648"), (1 << 31, "64'sd2147483648"), (-(1 << 40), "-64'sd1099511627776")],
)
def test_parameters_are_literals_of_enough_bits(monkeypatch, value, text):
    monkeypatch.setattr("hw.top.stitch._sources", lambda op: [])
    assert f".EXTRA({text})" in stitch(with_memory(extra=value))["memory_stream.sv"]


def test_refuses_a_parameter_beyond_64_bits(monkeypatch):
    monkeypatch.setattr("hw.top.stitch._sources", lambda op: [])
    with pytest.raises(HardwareError, match=f"conv0: expected parameter EXTRA to fit in 64 bits, got {1 << 63}"):
        stitch(with_memory(extra=1 << 63))


def test_refuses_an_operator_without_its_source():
    with pytest.raises(HardwareError, match="conv0: expected fifo.sv beside its descriptor"):
        stitch(with_memory())


def test_refuses_two_files_of_one_name(monkeypatch):
    monkeypatch.setattr("hw.top.stitch._sources", lambda op: [])
    op = with_memory().ops[0]
    first, second = replace(op, name="a_weights", memory="X", word=1), replace(op, name="a", memory="WEIGHTS_X", word=2)
    with pytest.raises(HardwareError, match="two different files would be named a_weights_x.hex: rename an operator"):
        stitch(Dataflow("clash", (first, second)))
