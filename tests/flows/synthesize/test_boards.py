"""One small circuit to a bitstream on every size of device, and back with Project Trellis' own unpacker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.synthesize import ecppack
from flows.synthesize.ecp5 import synthesize
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax

KINDS = {"lut4": "TRELLIS_COMB", "ff": "TRELLIS_FF", "ebr": "DP16KD", "dsp": "MULT18X18D"}


def build(name: str, folder: Path) -> tuple[dict, str]:
    """The record, and the device that the unpacker finds in the bitstream."""
    dataflow = Dataflow("smallest", (Argmax("label", 4, IntType.parse("UINT8"), True),))
    record = synthesize(dataflow, load(name), folder, clock_mhz=25.0, seed=1, progress=lambda text: None)
    return record, ecppack.unpack(folder, record["bitstream"], "unpacked.config")


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize("name", ["ulx3s_12f", "ulx3s_25f", "ulx3s_45f", "ulx3s_85f", "colorlight_i5", "ecpix5_85f"])
def test_bitstream_is_for_the_boards_device(name, tmp_path):
    board = load(name)
    record, unpacked = build(name, tmp_path)
    assert unpacked == board.device
    ecppack.pack(tmp_path, "unpacked.config", "again.bit")
    assert (tmp_path / "again.bit").read_bytes() == (tmp_path / record["bitstream"]).read_bytes()
    assert record["idcode"] == f"0x{board.idcode:08x}"
    used = json.loads((tmp_path / "timing.json").read_text())["utilization"]
    assert {key: used[kind]["available"] for key, kind in KINDS.items()} == record["available"]
    assert record["fmax_mhz"] >= record["clock_mhz"] == 25.0
    # Both ways the serial line goes through pads.
    assert used["TRELLIS_IO"]["used"] == 3 + bool(board.reset_pin) + board.leds + len(board.high_pins)
