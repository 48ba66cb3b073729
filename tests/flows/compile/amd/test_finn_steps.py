"""FINN's own build steps take our build as it is: those that need no Vivado run here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.compile.amd.conftest import Built

STEPS = """\
import sys
from pathlib import Path
import finn.util.settings
import finn.xsi
from finn.interface.settings import FINNSettings
build, out = Path(sys.argv[1]), Path(sys.argv[2])
work = out / "work"
work.mkdir()
finn.util.settings._SETTINGS = FINNSettings.init(
    override_settings_path=out / "none.yaml", auto_set_environment_vars=False, flow_config=out, finn_build_dir=work
)
finn.xsi.SimEngine = None  # the steps' module asks for Vivado's simulator when it is imported
from finn.builder.build_dataflow_config import DataflowBuildConfig
from finn.builder.build_dataflow_steps import *
from qonnx.core.modelwrapper import ModelWrapper
config = DataflowBuildConfig.construct_from(build / "flow.json")
config.output_dir = str(out / "output")
(out / "output").mkdir()
model = ModelWrapper(str(build / "model.onnx"))
for step in (step_apply_folding_config, step_generate_estimate_reports, step_hw_codegen):
    model = step(model, config)
"""


@pytest.mark.slow
def test_finns_steps_accept_the_build_and_estimate_the_same(built: Built, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", STEPS, str(built.folder), str(tmp_path)]
    done = subprocess.run(
        command, env=os.environ | {"XILINX_VIVADO": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]

    def theirs(name: str) -> dict:
        return json.loads((tmp_path / "output" / "report" / name).read_text())

    def ours(name: str) -> dict:
        return json.loads((built.folder / "reports" / name).read_text())

    assert theirs("estimate_layer_cycles.json") == ours("cycles.json")["nodes"]
    performance = theirs("estimate_network_performance.json")
    assert performance["max_cycles"] == ours("performance.json")["cycles_per_frame"]
    total = theirs("estimate_layer_resources.json")["total"]
    assert total["DSP"] == ours("resources.json")["total"]["DSP"]
    assert abs(total["LUT"] - ours("resources.json")["total"]["LUT"]) < len(built.record["nodes"])  # ours rounds up
    generated = {folder.name.partition("code_gen_ipgen_")[2] for folder in (tmp_path / "work").glob("code_gen_ipgen_*")}
    assert all(any(folder.startswith(f"{name}_") for folder in generated) for name in built.record["nodes"])
