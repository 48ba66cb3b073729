"""The part of a build that needs Vivado: runs the build's own script and takes over what FINN wrote."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from flows import environment
from flows.compile.amd.build import RECORD, REPORTS, SCRIPT, write_json
from flows.compile.amd.flow_config import OUTPUT
from flows.errors import FlowError
from flows.pynq.package import PACKAGE_FOLDER

LOG, FINN_LOG = "build.log", "build_dataflow.log"
IMPLEMENTATION = "implementation.json"
LINES = 3
"""Of an error that a FlowError repeats."""


def finish(folder: Path, vivado: Path) -> dict[str, object]:
    """Runs `build.py`; the bitfile goes to the package, `reports/implementation.json` holds what Vivado measured.

    Everything that FINN and Vivado say is in `build.log`. Raises FlowError where there is no bitfile, or one whose
    timing is not met.
    """
    with (folder / LOG).open("w") as log:
        done = subprocess.run(
            [sys.executable, SCRIPT],
            cwd=folder,
            env=environment.for_tools(XILINX_VIVADO=vivado),
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise FlowError(f"FINN's build failed: {build_error(folder)}; all of it: {folder / LOG}")
    report = folder / OUTPUT / "report"
    measured = {"resources": _resources(report), "worst_slack_ns": worst_slack(report / "post_route_timing.rpt")}
    write_json(folder / REPORTS / IMPLEMENTATION, measured)
    slack = measured["worst_slack_ns"]
    if slack is not None and slack < 0:
        raise FlowError(f"expected the clock to be met, it is missed by {-slack} ns; fold for fewer frames a second")
    for bitfile in (folder / OUTPUT / "bitfile").iterdir():
        if bitfile.is_file():
            shutil.copyfile(bitfile, folder / PACKAGE_FOLDER / "bitfile" / bitfile.name)
    record = json.loads((folder / RECORD).read_text()) | {"left": []}
    write_json(folder / RECORD, record)
    return record


def build_error(folder: Path) -> str:
    """The first errors in FINN's log or in what the script said, else the last lines of the latter."""
    lines: list[str] = []
    for path in (folder / OUTPUT / FINN_LOG, folder / LOG):
        if path.is_file():
            lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
            if errors := [line for line in lines if re.search(r"\bERROR\b|✗", line)]:
                return " | ".join(errors[:LINES])
    return " | ".join(lines[-LINES:]) or "it said nothing"


def _resources(report: Path) -> dict[str, object]:
    """Used by the whole design, as FINN read it from Vivado."""
    found = sorted(report.glob("post_synth_resources*.json"))
    if not found:
        raise FlowError(f"{report}: expected Vivado's resources, FINN wrote none")
    return json.loads(found[0].read_text()).get("(top)", {})


def worst_slack(path: Path) -> float | None:
    """WNS in ns of Vivado's timing summary (UG906), None where the flow writes none (Alveo). Raises FlowError."""
    if not path.is_file():
        return None
    found = re.search(r"^\s*WNS\(ns\).*\n[\s-]+\n\s*(-?\d+\.\d+)", path.read_text(errors="replace"), re.MULTILINE)
    if not found:
        raise FlowError(f"{path}: expected Vivado's timing summary with a worst slack, found none")
    return float(found[1])
