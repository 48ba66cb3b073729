"""export: the defended network as QONNX, with golden vectors of every test image and every adversarial one."""

from __future__ import annotations

import numpy as np

from flows.errors import FlowError
from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays
from flows.stages.networks import load_deployed


def run(context: Context) -> None:
    from brevitas_models.export import export
    from hw.ops.stochastic_threshold.lfsr import Draws

    deployed = load_deployed(context, "defended")
    (test,) = read_arrays(context.input("data", "test.npz"), "x")
    (adversarial,) = read_arrays(context.input("attack", "adversarial.npz"), "images")
    if adversarial.dtype != test.dtype or adversarial.shape[1:] != test.shape[1:]:
        raise FlowError(
            f"adversarial.npz: expected images as in test.npz, {test.dtype} {test.shape[1:]}, got {adversarial.dtype} "
            f"{adversarial.shape[1:]}; run again with --from attack"
        )
    context.progress(0, "tracing the network")
    export(deployed, test.shape[1:], context.folder, np.concatenate([test, adversarial]), Draws)


STAGE = Stage(
    "export",
    run,
    inputs=("data", "train/defended.safetensors", "attack/adversarial.npz"),
    sections=("network", "quant", "defence", "seed"),
    code=(
        "brevitas_models",
        "hw/ops/stochastic_threshold/lfsr.py",
        "flows/stages/export.py",
        "flows/stages/networks.py",
    ),
    tools=("torch", "brevitas", "qonnx", "onnx"),
)
