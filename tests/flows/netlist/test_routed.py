"""The gates that come out of place and route give the golden integers too; a wrong one is counted."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.netlist.routed import routed_verilog
from flows.verify.gates import Gates, verify_gates

pytestmark = [pytest.mark.sim, pytest.mark.synth, pytest.mark.slow]
IMAGES = np.random.default_rng(3).integers(0, 256, (24, 1, 8, 8)).astype(np.uint8)


def climb(dataflow, routed, mapped, folder: Path) -> dict:
    (folder / "routed.v").write_text(routed_verilog(routed, mapped, dataflow))
    return verify_gates(dataflow, IMAGES, 8, [Gates("routed", folder / "routed.v", 20)], folder)["rungs"][0]


def test_the_routed_gates_give_the_golden_integers(routed, tmp_path: Path) -> None:
    dataflow, mapped, placed = routed
    rung = climb(dataflow, placed, mapped, tmp_path)
    assert (rung["rung"], rung["images"], rung["adversarial"]) == ("routed", 20, 8)
    assert rung["mismatches"] == 0 and rung["first_divergence"] is None
    cells = Counter(re.findall(r"^(\w+) (?:#\(.*?\) )?\\\S", (tmp_path / "routed.v").read_text(), re.M))
    assert cells.keys() >= {"LUT4", "TRELLIS_FF", "CARRY_HALF", "PFUMX", "DPRAM_BIT", "DP16KD"}, cells


def test_a_wrong_table_is_counted(routed, tmp_path: Path) -> None:
    """Half of a carry of the adder, whose table nextpnr has changed."""
    dataflow, mapped, placed = routed
    adder = next(c for c in mapped.cells if c.kind == "CCU2C" and c.name.startswith("u_network.u_sum0."))
    carry = next(cell for cell in placed.cells if cell.name == f"{adder.name}$CCU2_COMB0")
    table = carry.parameters["INITVAL"][-16:].zfill(16)
    flipped = {"INITVAL": "".join("10"[int(bit)] for bit in table)}
    wrong = replace(carry, parameters=carry.parameters | flipped)
    cells = tuple(wrong if cell is carry else cell for cell in placed.cells)
    rung = climb(dataflow, replace(placed, cells=cells), mapped, tmp_path)
    assert rung["mismatches"] > 0 and rung["first_divergence"]["operator"] == "sum0"


def test_a_cell_without_a_model_is_told(routed) -> None:
    dataflow, mapped, placed = routed
    cells = tuple(
        replace(cell, parameters=cell.parameters | {"MODE": "NEW"}) if cell.kind == "TRELLIS_COMB" else cell
        for cell in placed.cells
    )
    with pytest.raises(FlowError, match="no simulation model of TRELLIS_COMB in mode NEW"):
        routed_verilog(replace(placed, cells=cells), mapped, dataflow)
