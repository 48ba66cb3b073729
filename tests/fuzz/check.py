"""One case through every engine: whatever differs is a `Disagreement`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from flows.compile.compiler import compile_model
from flows.compile.finn_graph import run_finn_graph
from flows.compile.read.network import read_network
from flows.golden.session import GoldenSession
from flows.simulate import Simulator, build
from flows.verify.reference import excuse, run_reference
from hw.dataflow import Dataflow
from tests.fuzz.disagreement import Disagreement, equal
from tests.fuzz.networks import Case, images

RANDOM_IMAGES = 4
WARM_FRAMES, TIMED_FRAMES = 6, 6


def check(case: Case, folder: Path, *, circuit: bool = True) -> str:
    """Compiles and compares; a summary in words. `circuit`: also in Verilator, without and with stalls.

    Raises Disagreement; what the chain itself raises comes through.
    """
    dataflow = compile_model(case.model, folder, case.config)
    record = json.loads((folder / "compile.json").read_text())
    pictures = images(case, RANDOM_IMAGES)
    codes = pictures.transpose(0, 2, 3, 1).reshape(len(pictures), *dataflow.input.shape).astype(np.int64)
    trace = dict(dataflow.values(codes))
    golden = dataflow.golden(codes)
    for name, values in GoldenSession(dataflow).intermediates(codes).items():
        equal(f"onnxruntime {name}", trace[name], values)
    loaded = Dataflow.load(folder)
    if loaded != dataflow:
        raise Disagreement("the loaded dataflow is not the saved one")
    equal("loaded", golden, loaded.golden(codes))
    excused = _reference(case, dataflow, record, pictures, trace)
    words = [f"{len(dataflow.ops)} ops", f"{excused} excused"]
    if record["finn"] is None and case.branches:
        words.append(f"no FINN: {record['finn_reason']}")
    else:
        _finn(folder, dataflow, record, pictures, trace)
    if circuit:
        words.append(_circuit(dataflow, folder, codes, golden, paced=not case.branches))
    return ", ".join(words)


def _reference(case: Case, dataflow: Dataflow, record: dict, pictures: np.ndarray, trace: dict) -> int:
    """The qonnx executor: exact networks must agree; in others, every differing image must be excused by proof."""
    scores, activations = run_reference(case.model, pictures, record)
    ours = dataflow.result(trace[dataflow.ops[-1].name]).scores
    by_name = read_network(case.model, dataflow.input.dtype).activations
    if list(by_name) != list(activations):
        raise Disagreement(f"expected the activations {list(by_name)}, got {list(activations)}")
    trace = trace | {"input": pictures.transpose(0, 2, 3, 1)}
    excused = 0
    for i in range(len(pictures)):
        inside = all(np.array_equal(trace[n][i].reshape(-1), v[i].reshape(-1)) for n, v in activations.items())
        if inside and np.array_equal(scores[i], ours[i]):
            continue
        if case.exact:
            for name, values in activations.items():
                equal(f"qonnx {name}, image {i}", values[i], trace[name][i])
            equal(f"qonnx scores, image {i}", scores[i], ours[i])
        if not excuse(i, activations, trace, by_name):
            raise Disagreement(f"image {i}: qonnx gives {scores[i]}, golden {ours[i]}, and nothing excuses it")
        excused += 1
    return excused


def _finn(folder: Path, dataflow: Dataflow, record: dict, pictures: np.ndarray, trace: dict) -> None:
    if record["finn"] is None:
        raise Disagreement(f"finn: {record['finn_reason']}")
    for name, values in run_finn_graph(folder / "finn.onnx", pictures, record["finn"]).items():
        equal(f"finn {name}", trace[name].reshape(values.shape), values)


def _circuit(dataflow: Dataflow, folder: Path, codes: np.ndarray, golden: np.ndarray, *, paced: bool) -> str:
    """Without stalls, timed over frames in steady state; then with stalls on either side and on both. `paced`: whether
    the circuit must reach its interval."""
    with Simulator(dataflow, build(dataflow, folder)) as simulator:
        order = np.arange(WARM_FRAMES + TIMED_FRAMES + 1) % len(codes)
        result = simulator.run(codes[order])
        equal("rtl", golden[order], result.outputs)
        for seed, (stall_in, stall_out) in enumerate([(0.3, 0.3), (0.8, 0.0), (0.0, 0.8)]):
            stalled = simulator.run(codes, stall_in=stall_in, stall_out=stall_out, seed=seed)
            equal(f"rtl with stalls {stall_in}, {stall_out}", golden, stalled.outputs)
    ends = result.frame_cycles
    measured = (ends[-1] - ends[-1 - TIMED_FRAMES]) / TIMED_FRAMES
    bound = dataflow.cycles_per_frame_bound
    # a border between two matrix units stops the first one: there the bound is one, elsewhere it is the interval
    kinds = [op.kind for op in dataflow.ops]
    inner_border = "pad" in kinds[kinds.index("matvec") :]
    if measured < bound or (paced and measured > bound * (1.5 if inner_border else 1)):
        raise Disagreement(f"expected {bound} cycles a frame, measured {measured}: {np.diff(ends).tolist()}")
    return f"{measured:g} of {bound} cycles"
