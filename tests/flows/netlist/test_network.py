"""The gates of a synthesized network give the golden integers; a wrong gate is counted and its operator named."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.netlist.design import Cell, Design
from flows.netlist.network import mapped_verilog
from flows.verify.gates import Gates, verify_gates

IMAGES = np.random.default_rng(3).integers(0, 256, (24, 1, 8, 8)).astype(np.uint8)


def climb(dataflow, design: Design, folder: Path) -> dict:
    (folder / "netlist.v").write_text(mapped_verilog(design, dataflow))
    record = verify_gates(dataflow, IMAGES, 8, [Gates("netlist", folder / "netlist.v", 20)], folder)
    return record["rungs"][0]


@pytest.mark.sim
@pytest.mark.synth
def test_the_gates_give_the_golden_integers(mapped, tmp_path: Path) -> None:
    dataflow, design = mapped
    rung = climb(dataflow, design, tmp_path)
    assert (rung["rung"], rung["images"], rung["adversarial"]) == ("netlist", 20, 8)
    assert rung["mismatches"] == 0 and rung["first_divergence"] is None
    cells = (tmp_path / "netlist.v").read_text()
    assert re.search(r"^DP16KD .*\\u_network\.u_deep0\.", cells, re.M), "the deep fifo is block RAM"
    kinds = Counter(re.findall(r"^(\w+) (?:#\(.*?\) )?\\u_network", cells, re.M))
    assert kinds.keys() >= {"LUT4", "TRELLIS_FF", "CCU2C", "PFUMX", "TRELLIS_DPR16X4", "DP16KD"}, kinds
    assert "u_link" not in cells, "the link to the host is no part of the network"


@pytest.mark.sim
@pytest.mark.synth
@pytest.mark.slow
def test_a_wrong_gate_is_counted_and_its_operator_named(mapped, tmp_path: Path) -> None:
    operator = "sum0"  # all of its carries add; one of a matrix unit's may count beats, and stop the circuit instead
    dataflow, design = mapped
    carry = next(c for c in design.cells if c.kind == "CCU2C" and c.name.startswith(f"u_network.u_{operator}."))
    flipped = {"INIT0": "".join("10"[int(bit)] for bit in carry.parameters["INIT0"])}
    wrong = replace(carry, parameters=carry.parameters | flipped)
    cells = tuple(wrong if cell is carry else cell for cell in design.cells)
    rung = climb(dataflow, replace(design, cells=cells), tmp_path)
    assert rung["mismatches"] > 0 and rung["first_divergence"]["operator"] == operator
    first = rung["first_divergence"]
    assert first["expected"] != first["got"]


@pytest.mark.synth
def test_what_cannot_be_cut_out_is_told(mapped) -> None:
    dataflow, design = mapped
    nets = {name: bits for name, bits in design.nets.items() if not name.endswith("u_label.out_valid")}
    with pytest.raises(FlowError, match="gates: expected the netlist to name the network's out_valid; synthesize"):
        mapped_verilog(replace(design, nets=nets), dataflow)
    (driven,) = design.nets["u_network.u_label.out_valid"]
    driver = next(cell for cell in design.cells if (driven,) in cell.outputs.values())
    cells = tuple(cell for cell in design.cells if cell is not driver)
    with pytest.raises(FlowError, match=rf"net {driven} \(.*\) of the network has no driver in the netlist"):
        mapped_verilog(replace(design, cells=cells), dataflow)
    odd = replace(driver, kind="ALU54B")
    with pytest.raises(FlowError, match=re.escape(f"{driver.name}: no simulation model of the cell ALU54B")):
        mapped_verilog(replace(design, cells=(*cells, odd)), dataflow)


def test_a_netlist_is_read(tmp_path: Path) -> None:
    cell = {
        "type": "LUT4",
        "parameters": {"INIT": "1010"},
        "port_directions": {"A": "input", "Z": "output"},
        "connections": {"A": [2], "Z": [3]},
    }
    module = {"cells": {"a": cell}, "netnames": {"x": {"bits": [2]}}}
    path = tmp_path / "netlist.json"
    path.write_text(json.dumps({"modules": {"top": module}}))
    design = Design.read(path, "top")
    assert design == Design((Cell("a", "LUT4", {"INIT": "1010"}, {"A": (2,)}, {"Z": (3,)}),), {"x": (2,)})
    for text in ("{", "[]", '{"modules": {}}', json.dumps({"modules": {"top": {"cells": {"a": 3}, "netnames": {}}}})):
        path.write_text(text)
        with pytest.raises(FlowError, match="netlist.json: expected a netlist with module 'top', got "):
            Design.read(path, "top")
