"""A run's networks as targets with gradients. The only file of campaigns that speaks torch."""

from __future__ import annotations

from pathlib import Path

from brevitas_models.config import Activation
from brevitas_models.export import logit_scale
from flows.config import load_toml
from flows.stages.networks import deployed, recipes
from flows.targets.torch_target import TorchTarget


def open_twin(run: Path, name: str) -> TorchTarget:
    """The network `name` (defended, float or quantized) of a run, as it was deployed.

    Raises FlowError or ModelError where the run does not hold it.
    """
    config = load_toml(run / "config.toml")
    network = deployed(config, run / "train" / f"{name}.safetensors", name)
    is_float = recipes(config)[name].quant.activation is Activation.FLOAT
    return TorchTarget(network, None if is_float else logit_scale(network))
