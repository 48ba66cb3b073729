"""What the audit measures besides attacks, on functions whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flows.audit.measures.agreement import agreement
from flows.audit.measures.repeats import repeats
from flows.errors import FlowError
from flows.targets.averaged import Averaged
from flows.targets.torch_target import TorchTarget
from tests.flows.audit.planted import NoisyOutput, Sign

RNG = np.random.default_rng(3)
X = RNG.integers(40, 210, (20, 1, 4, 4)).astype(np.uint8)
Y = RNG.integers(0, 3, 20)


def linear() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


class Against(nn.Module):
    """Linear, with a gradient that points the other way."""

    def __init__(self) -> None:
        super().__init__()
        self.network = linear()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.network(x)
        return 2 * scores.detach() - scores


def _agreement(network: nn.Module, **changed: object):
    arguments = {"backward": "clipped", "directions": 4, "seed": 0} | changed
    return agreement(TorchTarget(network, None), X, Y, 8 / 255, **arguments)


def test_a_linear_network_is_foretold_and_its_opposite_never() -> None:
    class Two(nn.Module):  # two classes: the margin itself is linear
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.network(x)[:, :1] * torch.tensor([[1.0, -1.0]])

    truth = np.minimum(Y, 1)
    for network, share in ((linear(), 1.0), (Against(), 0.0)):
        seen = agreement(TorchTarget(Two(network), None), X, truth, 8 / 255, backward="clipped", directions=4, seed=0)
        assert (seen.share, seen.probes, seen.flat, seen.step) == (share, 80, 0.0, 2)


def test_a_gradient_of_zero_is_a_coin() -> None:
    seen = _agreement(nn.Sequential(nn.Flatten(), Sign(), nn.Linear(16, 3), Sign(), nn.Linear(3, 3)))
    assert seen.share == 0.5
    network = linear()
    hidden = nn.Sequential(network[0], network[1], Sign(), nn.Linear(3, 3))
    assert _agreement(hidden).share == 0.5


def test_a_constant_network_has_nothing_to_foretell() -> None:
    network = linear()
    nn.init.zeros_(network[1].weight)
    seen = _agreement(network)
    assert (seen.probes, seen.flat) == (0, 1.0)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(FlowError, match="agreement directions: expected at least 1, got 0"):
        _agreement(linear(), directions=0)
    with pytest.raises(FlowError, match="repeats draws: expected at least 2, got 1"):
        repeats(TorchTarget(linear(), None), X, Y, draws=1)
    with pytest.raises(FlowError, match="averaged: expected at least 2 draws, got 1"):
        Averaged(TorchTarget(linear(), None), 1)


def test_a_random_network_is_seen_and_a_plain_one_is_not() -> None:
    assert repeats(TorchTarget(linear(), None), X, Y, draws=4) == (0.0, 0.0, 20, 4)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        faint = repeats(TorchTarget(NoisyOutput(linear(), 1e-4), None), X, Y, draws=4)
        loud = repeats(TorchTarget(NoisyOutput(linear(), 10.0), None), X, Y, draws=4)
    assert faint.scores == 1.0 and faint.classes < 0.2
    assert loud.scores == 1.0 and loud.classes > 0.5


def test_the_mean_over_draws_is_less_random_and_has_the_mean_gradient() -> None:
    network = linear()
    with torch.random.fork_rng():
        torch.manual_seed(2)
        single = TorchTarget(NoisyOutput(network, 0.3), None)
        mean = Averaged(single, 64)
        exact = TorchTarget(network, None).predict(X)
        assert np.abs(mean.predict(X) / 64 - exact).mean() < np.abs(single.predict(X) - exact).mean() / 4
        assert mean.queries == 20
        pixels = torch.from_numpy(X / np.float32(255)).requires_grad_()
        mean.logits(pixels)[:, 0].sum().backward()
    expected = network[1].weight[0].detach().reshape(1, 4, 4).expand(20, 1, 4, 4)
    assert torch.allclose(pixels.grad, expected, rtol=1e-4, atol=1e-6)
