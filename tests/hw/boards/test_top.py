"""The rendered board top."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from hw.boards import top
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.fifo.fifo import Fifo
from hw.top import link

GOLDEN = Path(__file__).with_name("golden")
UINT8 = IntType.parse("UINT8")


def tiny(shape=(4,), dtype=UINT8, parallel=1, name="buffer") -> Dataflow:
    return Dataflow("tiny", (Fifo(name, shape, dtype, parallel, 4),))


@pytest.fixture
def board():
    return load("ulx3s_85f")


@pytest.mark.parametrize(
    ("name", "clock_mhz"), [("ulx3s_85f", 25.0), ("ulx3s_85f", 40.0), ("colorlight_i5", 25.0), ("ecpix5_85f", 25.0)]
)
def test_text_is_the_golden_one(name, clock_mhz):
    # What HELLO answers changes with every source; everything else is fixed.
    text = re.sub(r"'h[0-9a-f]{60,}", "'h<hello>", top.render(tiny(), load(name), clock_mhz=clock_mhz))
    golden = (GOLDEN / f"{name}_{clock_mhz:g}mhz.sv").read_text()
    assert text == golden


def test_vendor_primitive_only_where_the_clock_needs_it(board):
    assert "EHXPLLL" not in top.render(tiny(), board, clock_mhz=25.0)
    text = top.render(tiny(), board, clock_mhz=40.0)
    assert text.count("EHXPLLL") == 1
    assert "CLOCKS_PER_BIT = 40" in text


def test_a_forgotten_value_is_an_error(board, monkeypatch):
    monkeypatch.setattr(top, "top_module", lambda dataflow: top.StrictUndefined(name="network"))
    with pytest.raises(UndefinedError, match="network"):
        top.render(tiny(), board, clock_mhz=25.0)


def test_files(board, tmp_path):
    paths = top.write(tiny(), board, tmp_path, clock_mhz=25.0)
    names = [path.name for path in paths]
    assert names[: len(link.SOURCES)] == list(link.SOURCES)
    assert names[-1] == "board_top.sv" and {"fifo.sv", "tiny_stream.sv"} < set(names)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_network_id_follows_the_circuit():
    other = Dataflow("tiny", (Fifo("buffer", (4,), UINT8, 1, 5),))
    assert top.network_id(tiny()) == top.network_id(tiny()) != top.network_id(other)
    assert 0 <= top.network_id(other) < 1 << 64


def test_build_id_follows_all_that_decides_the_bitstream(board):
    def build_id(dataflow=None, board=board, clock_mhz=25.0) -> int:
        return top.identity(dataflow or tiny(), board, clock_mhz=clock_mhz).build_id

    other = Dataflow("tiny", (Fifo("buffer", (4,), UINT8, 1, 5),))
    ids = [
        *(build_id(), build_id(other), build_id(clock_mhz=40.0), build_id(board=load("ulx3s_25f"))),
        build_id(board=replace(board, baud=500_000)),
    ]
    assert len(set(ids)) == len(ids) and build_id() == ids[0]
    # The same network on another board is the same network.
    assert top.identity(tiny(), load("ulx3s_25f"), clock_mhz=40.0).network_id == top.network_id(tiny())


def test_hello_is_in_the_text_byte_by_byte(board):
    hello = top.identity(tiny(), board, clock_mhz=25.0).encode()
    digits = re.search(r"\.HELLO\((\d+)'h([0-9a-f]+)\)", top.render(tiny(), board, clock_mhz=25.0))
    assert int(digits[1]) == 8 * len(hello) and int(digits[2], 16).to_bytes(len(hello), "little") == hello


def test_bit_rates():
    assert top.clocks_per_bit(25.0, 1_000_000) == 25
    assert top.clocks_per_bit(62.5, 1_000_000) == 62
    with pytest.raises(HardwareError, match="1000000 baud cannot be made from 3.5 MHz"):
        top.clocks_per_bit(3.5, 1_000_000)
    with pytest.raises(HardwareError, match="1000000 baud cannot be made from 5.5 MHz"):
        top.clocks_per_bit(5.5, 1_000_000)


@pytest.mark.parametrize(
    ("dataflow", "text"),
    [
        (tiny(dtype=IntType.parse("UINT4")), "the input is 4 UINT4, 1 per beat"),
        (tiny(parallel=2), "the input is 4 UINT8, 2 per beat"),
        (tiny(shape=(70000,)), "at most 65535 UINT8 one by one"),
        (tiny(shape=(20000,)), "at most 16383 integers of 31 bits one by one, the output is 20000 UINT8, 1 per beat"),
    ],
)
def test_streams_that_do_not_fit_the_link(board, dataflow, text):
    with pytest.raises(HardwareError, match=text):
        top.render(dataflow, board, clock_mhz=25.0)


def test_clock_that_cannot_be_made(board):
    with pytest.raises(HardwareError, match="no clock of 500.0 MHz can be made from 25.0 MHz"):
        top.render(tiny(), board, clock_mhz=500.0)
