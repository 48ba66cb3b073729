"""The three networks of a run as subjects of attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevitas_models.config import GRID_BITS, Activation, ModelConfig
from flows.run.stage import Context
from flows.stages.networks import load_deployed, recipes

if TYPE_CHECKING:
    from flows.attack.evaluation import Subject

TITLES = {
    Activation.FLOAT: "floating point",
    Activation.RELU: "uniform quantization",
    Activation.DQA_FIXED: "DQA fixed",
    Activation.DQA_DYNAMIC: "DQA dynamic",
    Activation.SQ: "SQ",
}


def title(recipe: ModelConfig) -> str:
    """The network in a few words, such as `DQA dynamic + DQ + adversarial training`."""
    words = [TITLES[recipe.quant.activation] + " ensemble" * bool(recipe.quant.members)]
    words += [f"{recipe.quant.input_bits}-bit input"] * (recipe.quant.input_bits < GRID_BITS)
    words += ["diversity"] * (recipe.defence.diversity > 0)
    words += ["DQ"] * (recipe.defence.lipschitz_beta > 0)
    words += ["adversarial training"] * (recipe.defence.adversarial > 0)
    return " + ".join(words)


def load_subject(context: Context, name: str) -> Subject:
    """One of `recipes`, as it is shipped. Raises ModelError where it is not the configured one."""
    from brevitas_models.export import logit_scale
    from flows.attack.evaluation import Subject
    from flows.targets.torch_target import TorchTarget

    recipe = recipes(context.config)[name]
    network, quant = load_deployed(context, name), recipe.quant
    if quant.activation is Activation.FLOAT:
        return Subject(TorchTarget(network, None), title(recipe))
    target = TorchTarget(network, logit_scale(network))
    if quant.members:
        return Subject(target, title(recipe), quant.members, quant.members)
    return Subject(target, title(recipe), quant.weight_bits, quant.activation_bits)
