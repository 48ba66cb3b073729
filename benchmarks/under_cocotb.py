"""The same circuit under cocotb: its Verilator model, with a test bench in Python at every clock."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import numpy as np

from flows.simulate.toolchain import find_toolchain
from hw.dataflow import Dataflow
from hw.top.stitch import top_module

HERE = Path(__file__).parents[1]


def scores(dataflow: Dataflow, rtl: Path, work: Path, codes: np.ndarray) -> tuple[np.ndarray, float]:
    """int64 (N, classes), each as the circuit gives it, and cycles a second.

    `rtl`: the circuit's files. `codes`: (N, H, W, C), one element a beat. Needs cocotb, make and perl.
    """
    from cocotb_tools.runner import get_runner

    from benchmarks.cocotb_stream import GIVEN, LEFT

    assert dataflow.input.parallel == 1 and dataflow.output.parallel == 1, "expected one element a beat"
    root = find_toolchain().verilator_root
    os.environ["VERILATOR_ROOT"] = str(root)
    os.environ["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O2"  # the package leaves the first one empty
    os.environ["PATH"] = os.pathsep.join([str(root / "bin"), os.environ["PATH"]])
    work.mkdir()
    given, left = work / "given.npz", work / "left.npz"
    beats = codes.reshape(-1) & (1 << dataflow.input.dtype.bits) - 1
    np.savez(given, beats=beats, results=len(codes) * dataflow.output.beats)
    logging.disable(logging.WARNING)
    runner, top = get_runner("verilator"), top_module(dataflow)
    sources = sorted(path for path in rtl.resolve().iterdir() if path.suffix in (".v", ".sv"))
    build = {"hdl_toplevel": top, "build_dir": work / "build"}
    options = ["--no-timing", "-O3"]
    runner.build(sources=sources, build_args=options, timescale=("1ns", "1ps"), log_file=work / "build.log", **build)
    sys.path.insert(0, str(HERE))
    runner.test(
        test_module="benchmarks.cocotb_stream",
        hdl_toplevel_lang="verilog",
        test_dir=rtl.resolve(),
        extra_env={GIVEN: str(given), LEFT: str(left)},
        log_file=work / "test.log",
        **build,
    )
    with np.load(left) as found:
        speed = float(found["cycles"] / found["seconds"])
        return dataflow.output.dtype.decode(found["received"]).reshape(len(codes), -1), speed
