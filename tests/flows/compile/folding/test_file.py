"""A folding file gives the circuit that wrote it, FINN takes it, and what is not legal is refused by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from flows.compile.folding.file import our_entries, read_foldings
from flows.compile.folding.fold import fold
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.boards.board import load
from tests.flows.compile.folding.networks import INT4, Network
from tests.flows.compile.qonnx_networks import lenet

CONFIG = CompileConfig(50_000, 25.0, 2)


def network() -> Network:
    return Network((4, 4, 2), weight_type=INT4).act().pad().conv(2, 3).act().add("act0").act().dense(4)


def test_what_is_written_folds_the_same_circuit_again(tmp_path: Path) -> None:
    made = network()
    found = fold("net", made.plans, made.source, CONFIG, labels=True)
    path = tmp_path / "folding.json"
    path.write_text(json.dumps(our_entries(found.foldings)))
    again = fold(
        "net", made.plans, made.source, dataclasses.replace(CONFIG, folding_config_file=str(path)), labels=True
    )
    assert again.foldings == found.foldings and again.limits is None
    assert [op.to_record()[0] for op in again.dataflow.ops] == [op.to_record()[0] for op in found.dataflow.ops]


def read(tmp_path: Path, text: str) -> dict:
    path = tmp_path / "folding.json"
    path.write_text(text)
    return read_foldings(path, network().plans)


def test_names_of_finn_are_taken_in_order_and_joins_follow(tmp_path: Path) -> None:
    entries = {
        "Defaults": {},
        "MVAU_rtl_0": {"PE": 1, "SIMD": 2, "mem_mode": "internal_decoupled"},
        "Thresholding_rtl_0": {"PE": 2},
        "MVAU_hls_0": {"PE": 4, "SIMD": 8, "resType": "dsp", "ram_style": "block"},
    }
    found = read(tmp_path, json.dumps(entries))
    units = [name for name in found if name.startswith("unit")]
    first, last = (found[name] for name in units)
    assert (first.pe, first.simd, first.memory) == (1, 2, "auto")
    assert (last.pe, last.simd, last.memory, last.products) == (4, 8, "block", "dsp")
    assert [found[name].pe for name in found if name.startswith("add")] == [1]  # 32 cycles; the slowest unit takes 288


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("not json", "expected a folding file in JSON"),
        ("[]", "expected an object of node names"),
        ('{"MVAU_0": {"PE": 1}}', "expected 2 nodes MVAU_... or unit3, unit7, got MVAU_0; it is of another network"),
        ('{"MVAU_0": {"PE": 3}, "MVAU_1": {}}', "unit3: expected PE to divide 2, got 3"),
        ('{"MVAU_0": {"SIMD": 18}, "MVAU_1": {}}', "unit3: expected SIMD to divide 2, got 18"),
        (
            '{"MVAU_0": {"ram_style": "ultra"}, "MVAU_1": {}}',
            "expected ram_style to be one of auto, distributed, block",
        ),
        ('{"Defaults": {"PE": [2, ["MVAU_hls"]]}}', "expected PE at each node, got them as Defaults"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(FlowError) as raised:
        read(tmp_path, text)
    assert error in str(raised.value)


def test_finn_takes_the_file_and_counts_the_same_cycles(tmp_path: Path) -> None:
    from finn.transformation.general import ApplyConfig

    from flows.compile.amd.folding import compare_cycles, pair
    from flows.compile.amd.graph import specialized
    from flows.compile.folding.finn_names import PART
    from flows.compile.lower import lower
    from flows.compile.quiet import quiet
    from flows.compile.read.network import PIXEL, read_network
    from flows.foreign.fold import Wish, fold_exported

    model = lenet(tmp_path / "model.onnx")
    out = tmp_path / "folding.json"
    wish = Wish(None, None, 20_000, None)
    result = fold_exported(model, wish.settings(CONFIG), load("ulx3s_85f"), out)
    network = read_network(model, PIXEL)
    with quiet():
        graph = specialized(model, network, tmp_path, PART).model
        transformation = ApplyConfig(out)
        graph = graph.transform(transformation)
    entries = json.loads(out.read_text())
    assert set(entries) == set(transformation.used_configurations) and not transformation.missing_configurations
    table = compare_cycles(pair(graph, result.folded.dataflow))
    units = [op.name for op in result.folded.dataflow.ops if op.kind in ("matvec", "threshold")]
    counted = [row for row in table if row["kind"] in ("matvec", "threshold")]
    assert [row["operator"] for row in counted] == units and all(row["equal"] for row in counted)
    assert read_foldings(out, lower(network).plans) == dict(result.folded.foldings)
