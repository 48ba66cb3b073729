"""Small networks and pictures that many tests share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brevitas_models.config import (
    Activation,
    Architecture,
    DataConfig,
    DefenceConfig,
    ModelConfig,
    NetworkConfig,
    QuantConfig,
    TrainConfig,
)
from brevitas_models.data import Split, load

torch.set_num_threads(1)

LENET = NetworkConfig(channels=(4, 6), kernel=3, padding=1, pools=(2, 1), hidden=(12,))
MLP = NetworkConfig(architecture=Architecture.MLP, hidden=(16, 12))


@pytest.fixture(scope="session")
def digits() -> Split:
    return load(DataConfig())


@pytest.fixture
def small(digits: Split) -> Split:
    """A few digits, for tests that train."""
    return load(DataConfig(train_images=200, test_images=60))


def model_config(network: NetworkConfig = LENET, epochs: int = 3, seed: int = 5, **options: object) -> ModelConfig:
    quant = options.pop("quant", QuantConfig(activation=Activation.DQA_DYNAMIC))
    defence = DefenceConfig(**options.pop("defence", {}))
    return ModelConfig(DataConfig(), network, quant, defence, TrainConfig(epochs=epochs, batch=50, **options), seed)


@pytest.fixture
def config():
    return model_config


@pytest.fixture
def lenet() -> NetworkConfig:
    return LENET


@pytest.fixture
def mlp() -> NetworkConfig:
    return MLP


@pytest.fixture
def settle():
    """Gives a network batch statistics, scales and thresholds that are not the initial ones, without training it."""

    def run(network: torch.nn.Module, split: Split, seed: int = 0) -> torch.nn.Module:
        generator = torch.Generator().manual_seed(seed)
        for layer in network.layers:
            norm = layer.norm
            for tensor, low, high in ((norm.weight, -1.5, 1.5), (norm.bias, -0.5, 0.5)):
                tensor.data.uniform_(low, high, generator=generator)
            for name, parameter in layer.activation.named_parameters():
                if name.endswith(("first", "gaps")):
                    parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        network.train()
        with torch.no_grad():
            for start in range(0, 500, 100):
                network(torch.from_numpy(split.train_x[start : start + 100]).float() / 255)
        return network.eval()

    return run


@pytest.fixture
def state_of():
    def run(network: torch.nn.Module) -> dict[str, np.ndarray]:
        return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}

    return run
