from __future__ import annotations

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig
from brevitas_models.defences.interval import bounds
from brevitas_models.networks import build

RESNET = NetworkConfig(architecture=Architecture.RESNET8, channels=(4, 6), hidden=())
SMALL = NetworkConfig(channels=(4,), kernel=3, padding=1, pools=(2,), hidden=(12,))


def network_of(config: NetworkConfig, activation: Activation):
    torch.manual_seed(0)
    network = build(config, QuantConfig(activation, 4, 3), (1, 8, 8), 5).train()
    with torch.no_grad():
        for layer in network.layers:
            torch.nn.init.uniform_(layer.norm.weight, -1, 1)
        network(torch.rand(64, 1, 8, 8))
    return network.eval()


@pytest.mark.parametrize("config", [SMALL, RESNET], ids=["lenet", "resnet"])
@pytest.mark.parametrize("activation", [one for one in Activation if one is not Activation.SQ])  # random: no bounds
def test_no_neighbour_is_outside_the_bounds(config: NetworkConfig, activation: Activation) -> None:
    network = network_of(config, activation)
    random = np.random.default_rng(0)
    codes = torch.from_numpy(random.integers(0, 256, (6, 1, 8, 8))).float()
    labels = torch.from_numpy(random.integers(0, 5, 6))
    with torch.no_grad():
        for budget in (0, 3, 40):
            logits, margins = bounds(network, codes, labels, budget)
            assert torch.equal(logits.argmax(1), network(codes / 255).argmax(1))
            for _ in range(30):
                noise = torch.from_numpy(random.integers(-budget, budget + 1, codes.shape))
                found = network((codes + noise).clamp(0, 255) / 255)
                difference = found - found.gather(1, labels[:, None])
                assert torch.all(difference <= margins + 1e-4)
            if budget == 0:
                own = logits - logits.gather(1, labels[:, None])
                assert torch.allclose(margins, own, atol=1e-4)


def test_training_on_bounds_tightens_them(config, small, tmp_path) -> None:
    from brevitas_models.train import train

    codes = torch.from_numpy(small.test_x).float()
    labels = torch.from_numpy(small.test_y)

    def proved(share: float) -> float:
        quant = QuantConfig(Activation.RELU, 4, 4)
        defence = {"interval": share, "epsilon": 0.03}
        network = train(config(epochs=40, defence=defence, quant=quant), small, tmp_path / str(share))
        with torch.no_grad():
            _, margins = bounds(network, codes, labels, 5)
        margins.scatter_(1, labels[:, None], -torch.inf)
        return (margins.amax(1) < 0).float().mean().item()

    assert proved(0.7) > proved(0.0) + 0.2
