"""FINN's configuration of the rest of a build: from code generation, where our part ends, to the bitfile."""

from __future__ import annotations

from pathlib import Path

from finn.builder.build_dataflow_config import DataflowBuildConfig, DataflowOutputType, ShellFlowType

from flows.compile.amd.boards import AmdBoard

FLOW, FOLDING, OUTPUT = "flow.json", "folding.json", "output"
STEPS = (
    "step_apply_folding_config",
    "step_generate_estimate_reports",
    "step_generate_hardware",
    "step_create_stitched_ip",
    "step_prepare_synthesis",
    "step_synthesize_bitfile",
)
"""FINN's names. Conversion, partition, specialization and widths are done before (graph.py); the driver is ours."""


def write_flow(board: AmdBoard, folder: Path) -> None:
    """Writes `flow.json`, relative to its own folder, as `finn build` reads it."""
    config = DataflowBuildConfig(
        output_dir=OUTPUT,
        synth_clk_period_ns=board.clock_ns,
        board=board.finn_name,
        fpga_part=board.part,
        shell_flow_type=ShellFlowType(board.shell),
        vitis_platform=board.platform,
        folding_config_file=Path(FOLDING),
        steps=list(STEPS),
        generate_outputs=[
            DataflowOutputType.ESTIMATE_REPORTS,
            DataflowOutputType.STITCHED_IP,
            DataflowOutputType.BITFILE,
        ],
    )
    (folder / FLOW).write_text(config.to_json() + "\n")
