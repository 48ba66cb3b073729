from __future__ import annotations

import pytest
import torch
from torch import nn

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.defences import jacobian
from brevitas_models.networks import build

SHAPE = (1, 8, 8)


def test_of_a_linear_map_it_is_the_norm_of_the_matrix() -> None:
    linear = nn.Linear(64, 5, bias=False)
    pixels = torch.rand(3, *SHAPE, requires_grad=True)
    outputs = linear(pixels.flatten(1))
    expected = linear.weight.square().sum()
    assert torch.allclose(jacobian.full_squared_norm(outputs, pixels), expected, rtol=1e-5)
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(jacobian.squared_norms([outputs], [1.0], pixels, 4000, generator), expected, rtol=0.03)


@pytest.mark.parametrize("activation", [Activation.FLOAT, Activation.RELU, Activation.DQA_DYNAMIC])
def test_the_estimate_of_a_network_meets_the_full_jacobian(activation: Activation, lenet: NetworkConfig) -> None:
    torch.manual_seed(1)
    network = build(lenet, QuantConfig(activation), SHAPE, 10).eval()
    pixels = torch.rand(4, *SHAPE, requires_grad=True)
    trace = network.trace(pixels)
    assert torch.equal(trace[-1], network(pixels))
    generator = torch.Generator().manual_seed(2)
    for outputs in (trace[0], trace[-1]):
        full = jacobian.full_squared_norm(outputs, pixels).item()
        estimates = torch.stack(
            [jacobian.squared_norms([outputs], [1.0], pixels, 1, generator).detach() for _ in range(600)]
        )
        error = estimates.std().item() / 600**0.5
        assert full > 0 and abs(estimates.mean().item() - full) < 4 * error


def test_one_pass_over_all_outputs_meets_the_sum_of_the_full_jacobians(lenet: NetworkConfig) -> None:
    torch.manual_seed(4)
    network = build(lenet, QuantConfig(Activation.RELU), SHAPE, 10).eval()
    pixels = torch.rand(4, *SHAPE, requires_grad=True)
    trace, generator = network.trace(pixels), torch.Generator().manual_seed(6)
    weights = [0.5 + index for index in range(len(trace))]
    full = sum(
        weight * jacobian.full_squared_norm(outputs, pixels).item()
        for outputs, weight in zip(trace, weights, strict=True)
    )
    drawn = [jacobian.squared_norms(trace, weights, pixels, 1, generator).detach() for _ in range(600)]
    estimates = torch.stack(drawn)
    assert full > 0 and abs(estimates.mean().item() - full) < 4 * estimates.std().item() / 600**0.5


def test_its_gradient_is_that_of_the_full_norm() -> None:
    """One output: then every direction is +-1 and the estimate is exact."""
    torch.manual_seed(3)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Tanh(), nn.Linear(6, 1))
    pixels = torch.rand(5, *SHAPE, requires_grad=True)
    generator = torch.Generator().manual_seed(0)
    gradients = []
    for norm in (
        jacobian.squared_norms([network(pixels)], [1.0], pixels, 1, generator),
        jacobian.full_squared_norm(network(pixels), pixels),
    ):
        gradients.append(torch.autograd.grad(norm, [p for p in network.parameters() if p.ndim == 2]))
    for estimated, full in zip(*gradients, strict=True):
        assert full.abs().max() > 0 and torch.allclose(estimated, full, rtol=1e-4, atol=1e-7)


def test_the_penalty_weighs_logits_and_hidden_blocks(lenet: NetworkConfig) -> None:
    network = build(lenet, QuantConfig(Activation.FLOAT), SHAPE, 10).eval()
    pixels = torch.rand(4, *SHAPE, requires_grad=True)
    trace = network.trace(pixels)

    def penalty(logits: float, layers: float) -> float:
        return jacobian.penalty(trace, pixels, logits, layers, 300, torch.Generator().manual_seed(5)).item()

    logits = jacobian.full_squared_norm(trace[-1], pixels).item()
    assert penalty(0.2, 0) == pytest.approx(0.1 * logits, rel=0.1)
    hidden = [jacobian.full_squared_norm(outputs, pixels).item() / outputs[0].numel() for outputs in trace[:-1]]
    assert penalty(0, 0.2) == pytest.approx(0.1 * sum(hidden) / len(hidden), rel=0.1)
    assert penalty(0, 0) == 0


def test_training_with_it_flattens_the_network(config, small, tmp_path) -> None:
    from brevitas_models.train import train

    def norm(weight: float) -> float:
        network = train(config(epochs=8, defence={"jacobian": weight}), small, tmp_path / str(weight))
        pixels = (torch.from_numpy(small.test_x).float() / 255).requires_grad_(True)
        return jacobian.full_squared_norm(network(pixels), pixels).item()

    assert norm(0.01) < 0.6 * norm(0.0)
