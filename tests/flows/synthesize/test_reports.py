"""Reading what the tools report: cells, clocks, the device id."""

from __future__ import annotations

import json

import pytest

from flows.errors import FlowError
from flows.synthesize import ecppack, nextpnr, usage
from hw.op import Resources


def netlist(tmp_path, cells):
    rows = {
        name: {"type": kind, "attributes": {"NEXTPNR_BEL": bel} if bel else {}, "connections": {}}
        for name, kind, bel in cells
    }
    path = tmp_path / "routed.json"
    path.write_text(json.dumps({"modules": {"top": {"cells": rows}}}))
    return path


def test_cells_are_counted_for_their_operator(tmp_path):
    path = netlist(
        tmp_path,
        [
            ("u_network.u_a.x", "TRELLIS_COMB", "X2/Y3/SLICEA.LUT0"),
            ("u_network.u_a.y", "TRELLIS_FF", "X2/Y3/SLICEA.FF0"),
            ("u_network.u_ab.x", "TRELLIS_COMB", "X2/Y3/SLICEB.LUT1"),
            ("u_network.u_ab.m", "DP16KD", "X10/Y4/EBR0"),
            ("u_network.u_ab.p", "MULT18X18D", "X12/Y4/MULT18_0"),
            ("u_link.z", "TRELLIS_COMB", "X7/Y1/SLICED.LUT0"),
            ("clk", "DCCA", "X0/Y0/DCC0"),
        ],
    )
    used = usage.read(path, ["u_network.u_a.", "u_network.u_ab."])
    assert used.ops == (Resources(lut4=1, ff=1), Resources(lut4=1, ebr=1, dsp=1))
    assert used.total == Resources(lut4=3, ff=1, ebr=1, dsp=1)
    assert used.slices == 3
    # The first operator has more of the shared tile.
    assert used.cells == ((2, 3, 0), (7, 1, -1), (10, 4, 1), (12, 4, 1))


def test_cell_without_a_place(tmp_path):
    with pytest.raises(FlowError, match="expected cell a to be placed, its place is ''"):
        usage.read(netlist(tmp_path, [("a", "TRELLIS_FF", "")]), [])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"modules": {}}', '{"modules": {"a": {}, "b": {}}}'])
def test_other_files_are_no_netlist(tmp_path, text):
    path = tmp_path / "routed.json"
    path.write_text(text)
    with pytest.raises(FlowError, match="expected nextpnr's netlist of one module"):
        usage.read(path, [])


def test_clocks(tmp_path):
    path = tmp_path / "timing.json"
    path.write_text(json.dumps({"fmax": {"clk": {"achieved": 71.5, "constraint": 25}}}))
    assert nextpnr.clocks(path) == {"clk": (71.5, 25.0)}
    path.write_text('{"fmax": {}}')
    with pytest.raises(FlowError, match="expected at least one clock, nextpnr saw none"):
        nextpnr.clocks(path)
    path.write_text('{"fmax"')
    with pytest.raises(FlowError, match="expected nextpnr's timing report"):
        nextpnr.clocks(path)


def test_device_id(tmp_path):
    path = tmp_path / "a.bit"
    start = b"\xff\x00comment\x00" + ecppack.PREAMBLE + b"\xff" * 4
    path.write_bytes(start + ecppack.VERIFY_ID + bytes.fromhex("41113043") + bytes(200))
    assert ecppack.idcode(path) == 0x41113043
    cut, far = ecppack.VERIFY_ID + b"\x41\x11", bytes(200) + ecppack.VERIFY_ID + bytes(4)
    for broken in (b"", start, start + cut, start + far):
        path.write_bytes(broken)
        with pytest.raises(FlowError, match="expected an ECP5 bitstream with a device id, found none"):
            ecppack.idcode(path)
