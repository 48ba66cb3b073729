"""attack: the three networks in PyTorch, attacked with everything there is; the audit says what to believe."""

from __future__ import annotations

import numpy as np

from flows import environment
from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, write_json
from flows.stages.networks import recipes
from flows.stages.subjects import load_subject


def run(context: Context) -> None:
    import torch

    from flows.attack.evaluate import evaluate

    torch.set_num_threads(environment.threads())
    subjects = {name: load_subject(context, name) for name in recipes(context.config)}
    x, y = read_arrays(context.input("data", "test.npz"), "x", "y")
    record, arrays = evaluate(subjects, x, y, context.config.attack, context.config.seed, context.progress)
    write_json(context.folder / "attack.json", record)
    np.savez_compressed(context.folder / "adversarial.npz", **arrays)


STAGE = Stage(
    "attack",
    run,
    inputs=("data/test.npz", "train/defended.safetensors", "train/quantized.safetensors", "train/float.safetensors"),
    sections=("network", "quant", "defence", "attack", "seed"),
    code=(
        *("brevitas_models", "flows/attack", "flows/audit", "flows/targets"),
        *("flows/stages/attack.py", "flows/stages/networks.py", "flows/stages/subjects.py"),
    ),
    tools=("torch", "brevitas", "numpy"),
)
