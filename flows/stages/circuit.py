"""circuit: the dataflow as SystemVerilog, compiled for simulation; its cycles are measured, not computed."""

from __future__ import annotations

from flows import environment
from flows.config import Config
from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, write_json

FRAMES = 8


def check(config: Config) -> None:
    environment.cxx()


def run(context: Context) -> None:
    import numpy as np

    from flows.simulate import Simulator, build
    from flows.targets.layout import to_codes
    from hw.dataflow import Dataflow

    dataflow = Dataflow.load(context.inputs["compile"])
    context.progress(0, "Verilator and the C++ compiler")
    library = build(dataflow, context.folder)
    context.progress(0.9, f"measuring {FRAMES} frames")
    (images,) = read_arrays(context.input("data", "test.npz"), "x")
    codes = to_codes(np.resize(images, (FRAMES, *images.shape[1:])), dataflow.input.shape, "circuit")
    with Simulator(dataflow, library) as simulator:
        result = simulator.run(codes)
    record = {
        "clock_mhz": context.config.compile.clock_mhz,
        "cycles_per_frame": int(np.diff(result.frame_cycles).max()),
        "cycles_per_frame_bound": dataflow.cycles_per_frame_bound,
        "latency_cycles": result.latency,
        "frames": FRAMES,
        "ops": [_op(op) for op in dataflow.ops],
    }
    write_json(context.folder / "circuit.json", record)


def _op(op) -> dict[str, object]:
    from hw.op import outputs_of

    parameters = op.module().parameters
    cost, stream = op.resources(), outputs_of(op)[0]
    return {
        "name": op.name,
        "kind": op.kind,
        "cycles": op.cycles_per_frame,
        "folding": {key: parameters[key] for key in ("PE", "SIMD") if key in parameters},
        "output": {"shape": list(stream.shape), "dtype": stream.dtype.name, "parallel": stream.parallel},
        "estimate": {"lut4": cost.lut4, "ff": cost.ff, "ebr": cost.ebr, "dsp": cost.dsp},
    }


STAGE = Stage(
    "circuit",
    run,
    inputs=("data/test.npz", "compile/dataflow.json", "compile/dataflow.npz"),
    sections=("compile.clock_mhz",),
    code=("hw", "flows/simulate", "flows/stages/circuit.py"),
    tools=("verilator",),
    check=check,
)
