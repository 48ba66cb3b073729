"""One network through the compiler and the reference executor: every code and score must be the same integer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from flows.compile.compiler import compile_model
from flows.compile.finn_graph import run_finn_graph
from flows.config import CompileConfig
from flows.golden.session import GoldenSession
from flows.simulate import Simulator, build
from flows.verify.reference import run_reference
from hw.dataflow import Dataflow

CONFIG = CompileConfig(target_fps=50_000, clock_mhz=25.0, fifo_depth=2)


def agree(
    path: Path, shape: tuple[int, int, int], *, config: CompileConfig = CONFIG, circuit: bool = False, count: int = 6
) -> tuple[Dataflow, dict]:
    """Compiles beside `path` and compares; `shape`: (C, H, W); `circuit`: in Verilator too. Returns the dataflow and
    `compile.json`."""
    dataflow = compile_model(path, path.parent, config)
    record = json.loads((path.parent / "compile.json").read_text())
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *shape)).astype(np.uint8)
    images = np.concatenate([images, np.zeros_like(images[:1]), np.full_like(images[:1], 255)])
    codes = images.transpose(0, 2, 3, 1).reshape(len(images), *dataflow.input.shape)
    scores, activations = run_reference(path, images, record)
    trace = {op.name: values for op, values in dataflow.trace(codes)}
    for name, values in activations.items():
        assert np.array_equal(trace[name].reshape(values.shape), values), name
    golden = dataflow.golden(codes)
    assert np.array_equal(dataflow.result(golden).scores, scores)
    assert np.array_equal(GoldenSession(dataflow).run(codes), golden)
    assert len({tuple(row) for row in scores}) > 1, "the test network ignores its input"
    assert all(len(np.unique(values)) > 1 for values in activations.values()), "an activation is constant"
    if record["finn"] is not None:
        for name, values in run_finn_graph(path.parent / "finn.onnx", images, record["finn"]).items():
            assert np.array_equal(values, trace[name].reshape(values.shape)), f"finn {name}"
    if circuit:
        with Simulator(dataflow, build(dataflow, path.parent)) as simulator:
            assert np.array_equal(simulator.run(codes).outputs, golden)
            stalled = simulator.run(codes, stall_in=0.3, stall_out=0.3, seed=1)
            assert np.array_equal(stalled.outputs, golden)
    return dataflow, record
