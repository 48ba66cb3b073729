"""The three networks of a run: what each is made of, and the trained ones read back as they are shipped."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from brevitas_models.config import GRID_BITS, Activation, Answer, DefenceConfig, ModelConfig
from flows.config import Config
from flows.run.stage import Context


def recipes(config: Config) -> dict[str, ModelConfig]:
    """The defended network (or ensemble) first, then its twins without defence, single networks: quantized uniformly,
    and in floating point.

    Where the data lie is left out: it decides nothing.
    """
    defended = config.model()
    defended = dataclasses.replace(defended, data=dataclasses.replace(defended.data, directory=""))
    undefended = {"members": (), "answer": Answer.SUM, "input_bits": GRID_BITS}
    twins = {"quantized": Activation.RELU, "float": Activation.FLOAT}
    plain = {
        name: dataclasses.replace(
            defended,
            quant=dataclasses.replace(defended.quant, activation=activation, **undefended),
            defence=DefenceConfig(lipschitz_beta=0.0, adversarial=0.0),
        )
        for name, activation in twins.items()
    }
    return {"defended": defended} | plain


def load_deployed(context: Context, name: str):
    """A trained network, batch norms made affine. Raises ModelError where it is not the configured one."""
    return deployed(context.config, context.input("train", f"{name}.safetensors"), name)


def deployed(config: Config, path: Path, name: str):
    """The same from any file: the network `name` of this configuration, trained weights in `path`."""
    from brevitas_models.checkpoint import load_network
    from brevitas_models.deploy import deploy

    recipe = recipes(config)[name]
    return deploy(load_network(path, expect=(recipe.network, recipe.quant)), recipe.seed)
