"""attack: the three networks in PyTorch, attacked with everything there is; the audit says what to believe."""

from __future__ import annotations

import numpy as np

from brevitas_models.config import Activation, ModelConfig
from flows import environment
from flows.run.stage import Context, Stage
from flows.stages.files import read_arrays, write_json
from flows.stages.networks import load_deployed, recipes

TITLES = {
    Activation.FLOAT: "floating point",
    Activation.RELU: "uniform quantization",
    Activation.DQA_FIXED: "DQA fixed",
    Activation.DQA_DYNAMIC: "DQA dynamic",
}


def title(recipe: ModelConfig) -> str:
    """The network in a few words, such as `DQA dynamic + DQ + adversarial training`."""
    words = [TITLES[recipe.quant.activation]]
    words += ["DQ"] * (recipe.defence.lipschitz_beta > 0)
    words += ["adversarial training"] * (recipe.defence.adversarial > 0)
    return " + ".join(words)


def run(context: Context) -> None:
    import torch

    from brevitas_models.export import logit_scale
    from flows.attack.evaluate import evaluate
    from flows.attack.evaluation import Subject
    from flows.targets.torch_target import TorchTarget

    torch.set_num_threads(environment.threads())
    subjects = {}
    for name, recipe in recipes(context.config).items():
        network, quant = load_deployed(context, name), recipe.quant
        if quant.activation is Activation.FLOAT:
            subjects[name] = Subject(TorchTarget(network, None), title(recipe))
        else:
            target = TorchTarget(network, logit_scale(network))
            subjects[name] = Subject(target, title(recipe), quant.weight_bits, quant.activation_bits)
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
        "brevitas_models",
        "flows/attack",
        "flows/audit",
        "flows/targets",
        "flows/stages/attack.py",
        "flows/stages/networks.py",
    ),
    tools=("torch", "brevitas", "numpy"),
)
