from __future__ import annotations

import pytest
import torch

from brevitas_models.config import Activation, DefenceConfig, NetworkConfig, QuantConfig
from brevitas_models.defences.adversarial import perturb
from brevitas_models.networks import build
from brevitas_models.train import train


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
def test_examples_are_codes_within_the_budget(epsilon: float, lenet: NetworkConfig, digits) -> None:
    network = build(lenet, QuantConfig(), (1, 8, 8), 10)
    x, y = torch.from_numpy(digits.train_x[:40]).float(), torch.from_numpy(digits.train_y[:40])
    config = DefenceConfig(epsilon=epsilon, steps=3, step_size=0.2)
    worse = perturb(network, x, y, config, torch.Generator().manual_seed(0))
    assert torch.equal(worse, worse.round()) and worse.min() >= 0 and worse.max() <= 255
    moved = (worse - x).abs().max().item()
    assert moved <= int(epsilon * 255) and (moved > 0 or epsilon == 0)


def test_the_network_comes_back_as_it_was(lenet: NetworkConfig, digits, state_of) -> None:
    network = build(lenet, QuantConfig(), (1, 8, 8), 10).train()
    before, learning = state_of(network), [p.requires_grad for p in network.parameters()]
    x, y = torch.from_numpy(digits.train_x[:20]).float(), torch.from_numpy(digits.train_y[:20])
    perturb(network, x, y, DefenceConfig(steps=2), torch.Generator().manual_seed(0))
    assert network.training and [p.requires_grad for p in network.parameters()] == learning
    assert all(p.grad is None for p in network.parameters())
    assert all((before[name] == value).all() for name, value in state_of(network).items())


@pytest.mark.parametrize("activation", [Activation.FLOAT, Activation.RELU, Activation.DQA_DYNAMIC])
def test_it_raises_the_loss_more_than_noise_does(activation, small, config, tmp_path) -> None:
    network = train(config(epochs=8, quant=QuantConfig(activation=activation)), small, tmp_path)
    x, y = torch.from_numpy(small.test_x).float(), torch.from_numpy(small.test_y)
    worse = perturb(network, x, y, DefenceConfig(epsilon=0.1, steps=10), torch.Generator().manual_seed(0))
    noise = (x + 25 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).sign()).clamp(0, 255)
    with torch.no_grad():
        attacked, noisy = (torch.nn.functional.cross_entropy(network(c / 255), y).item() for c in (worse, noise))
    assert attacked > noisy + 0.1
