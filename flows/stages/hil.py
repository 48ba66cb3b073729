"""hil: attacks through the circuit itself, and everything that was found anywhere replayed on it."""

from __future__ import annotations

import numpy as np

from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, write_json


def run(context: Context) -> None:
    from flows.attack.finds import ARRAYS
    from flows.attack.hardware import attack_circuit
    from flows.targets.onnx_target import OnnxTarget
    from flows.targets.rtl_target import RtlTarget
    from hw.dataflow import Dataflow

    config = context.config
    dataflow = Dataflow.load(context.inputs["compile"])
    circuit = RtlTarget(dataflow, context.input("circuit", "library.so"))
    x, y = read_arrays(context.input("data", "test.npz"), "x", "y")
    names = ("images", "labels", "originals", *ARRAYS)
    adversarial = read_arrays(context.input("attack", "adversarial.npz"), *names)
    record, arrays = attack_circuit(
        circuit,
        OnnxTarget(dataflow),
        dict(zip(names, adversarial, strict=True)),
        x,
        y,
        epsilon=config.attack.epsilon,
        config=config.hil,
        seed=config.seed,
        progress=context.progress,
    )
    write_json(context.folder / "hil.json", record)
    np.savez_compressed(context.folder / "hil.npz", **arrays)


STAGE = Stage(
    "hil",
    run,
    inputs=("data/test.npz", "attack/adversarial.npz", "compile/dataflow.json", "compile/dataflow.npz", "circuit"),
    sections=("hil", "attack.epsilon", "seed"),
    code=("hw", "flows/attack", "flows/targets", "flows/simulate", "flows/golden", "flows/stages/hil.py"),
    tools=("verilator", "onnxruntime", "numpy"),
)
