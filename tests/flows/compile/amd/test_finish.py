"""What becomes of FINN's own success and failure. FINN itself runs here, and fails for want of Vivado's libraries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flows.compile.amd.finish import build_error, finish, worst_slack
from flows.errors import FlowError
from tests.flows.compile.amd.conftest import Built

TIMING = """\
------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)
    -------      -------  ---------------------  -------------------      -------      -------
     {slack}        0.000                      0                16834        0.017        0.000
"""
BUILD = """\
import json
from pathlib import Path
report, bitfile = Path("output/report"), Path("output/bitfile")
report.mkdir(parents=True), bitfile.mkdir()
(bitfile / "finn-accel.bit").write_bytes(b"bits")
(bitfile / "finn-accel.hwh").write_text("handoff")
(report / "post_synth_resources.json").write_text(json.dumps({{"(top)": {{"LUT": 4000, "FF": 5000}}}}))
(report / "post_route_timing.rpt").write_text({timing!r})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build whose script writes what FINN writes after a success."""
    (tmp_path / "build.json").write_text(json.dumps({"board": "Pynq-Z1", "left": ["step"]}))
    (tmp_path / "reports").mkdir()
    (tmp_path / "deploy" / "bitfile").mkdir(parents=True)
    (tmp_path / "build.py").write_text(BUILD.format(timing=TIMING.format(slack="0.214")))
    return tmp_path


def test_the_bitfile_and_what_vivado_measured_become_ours(folder: Path) -> None:
    assert finish(folder, Path("/vivado")) == {"board": "Pynq-Z1", "left": []}
    assert (folder / "deploy" / "bitfile" / "finn-accel.bit").read_bytes() == b"bits"
    assert (folder / "deploy" / "bitfile" / "finn-accel.hwh").read_text() == "handoff"
    measured = json.loads((folder / "reports" / "implementation.json").read_text())
    assert measured == {"resources": {"LUT": 4000, "FF": 5000}, "worst_slack_ns": 0.214}


def test_a_bitfile_that_misses_its_clock_is_a_failed_build(folder: Path) -> None:
    (folder / "build.py").write_text(BUILD.format(timing=TIMING.format(slack="-1.300")))
    with pytest.raises(FlowError, match="missed by 1.3 ns"):
        finish(folder, Path("/vivado"))
    assert not list((folder / "deploy" / "bitfile").iterdir())
    assert json.loads((folder / "build.json").read_text())["left"] == ["step"]


def test_the_errors_of_finns_log_are_told(folder: Path) -> None:
    (folder / "build.py").write_text("raise SystemExit(2)")
    (folder / "output").mkdir()
    (folder / "output" / "build_dataflow.log").write_text("INFO: fine\n[time]ERROR: [Place 30-640] too many LUTs\n")
    with pytest.raises(FlowError, match=r"FINN's build failed: \[time\]ERROR: \[Place 30-640\] too many LUTs; all of"):
        finish(folder, Path("/vivado"))


def test_without_a_log_the_last_lines_are_told(folder: Path) -> None:
    assert build_error(folder) == "it said nothing"
    (folder / "build.log").write_text("one\ntwo\n\nthree\nfour\n")
    assert build_error(folder) == "two | three | four"


def test_slack_is_read_from_vivados_summary(tmp_path: Path) -> None:
    path = tmp_path / "timing.rpt"
    assert worst_slack(path) is None
    path.write_text(TIMING.format(slack="-0.002"))
    assert worst_slack(path) == -0.002
    path.write_text("Timing 38-282: the report is not there")
    with pytest.raises(FlowError, match="worst slack"):
        worst_slack(path)


@pytest.mark.slow
def test_finn_itself_fails_where_vivado_is_an_empty_folder(built: Built, tmp_path: Path) -> None:
    """Its exit status and its error become ours; no bitfile, nothing taken for done."""
    folder, tools = tmp_path / "build", tmp_path / "Xilinx"
    shutil.copytree(built.folder, folder)
    for tool, program in (("Vivado", "vivado"), ("Vitis_HLS", "vitis_hls")):
        (tools / tool / "2022.2" / "bin").mkdir(parents=True)
        (tools / tool / "2022.2" / "bin" / program).touch(mode=0o755)
    with pytest.raises(FlowError, match="FINN's build failed: .*XSim headers not found.*XSI is not available"):
        finish(folder, tools / "Vivado" / "2022.2")
    assert json.loads((folder / "build.json").read_text())["left"]
