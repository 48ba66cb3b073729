from __future__ import annotations

import pytest
import torch
from torch import nn

from brevitas_models.config import DefenceConfig, NetworkConfig, Objective, QuantConfig
from brevitas_models.defences import trades
from brevitas_models.networks import build
from brevitas_models.objective import batch_loss
from brevitas_models.train import train


def test_the_divergence_by_hand() -> None:
    plain = torch.log(torch.tensor([[0.5, 0.5]]))
    worse = torch.log(torch.tensor([[0.25, 0.75]]))
    expected = 0.5 * torch.log(torch.tensor(2.0)) + 0.5 * torch.log(torch.tensor(0.5 / 0.75))
    assert trades.divergence(worse, plain).item() == pytest.approx(expected.item(), rel=1e-6)
    assert trades.divergence(plain, plain).item() == 0


def test_the_neighbour_diverges_more_than_a_random_one(lenet: NetworkConfig) -> None:
    torch.manual_seed(0)
    network = build(lenet, QuantConfig(), (1, 8, 8), 10).eval()
    codes = torch.randint(0, 256, (40, 1, 8, 8)).float()
    config = DefenceConfig(adversarial=1.0, epsilon=0.1)
    generator = torch.Generator().manual_seed(1)
    worse = trades.perturb(network, codes, torch.zeros(40, dtype=torch.int64), config, generator)
    assert torch.equal(worse, worse.round()) and (worse - codes).abs().max() <= 25
    noise = (codes + torch.randint(-25, 26, codes.shape)).clamp(0, 255)
    with torch.no_grad():
        plain = network(codes / 255)
        found, random = (trades.divergence(network(x / 255), plain).item() for x in (worse, noise))
    assert found > 1.5 * random
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_its_loss_is_cross_entropy_and_beta_times_divergence(config, lenet: NetworkConfig) -> None:
    torch.manual_seed(0)
    network = build(lenet, QuantConfig(), (1, 8, 8), 10).eval()
    codes, labels = torch.randint(0, 256, (20, 1, 8, 8)).float(), torch.randint(0, 10, (20,))
    defence = {"adversarial": 0.5, "objective": Objective.TRADES, "trades_beta": 3.0}
    recipe = config(defence=defence)
    loss = batch_loss(network, codes, labels, recipe, 0.0, torch.Generator().manual_seed(2))
    worse = trades.perturb(network, codes[:10], labels[:10], recipe.defence, torch.Generator().manual_seed(2))
    logits = network(codes / 255)
    expected = nn.functional.cross_entropy(logits, labels)
    expected = (expected + 3.0 * trades.divergence(network(worse / 255), logits[:10]) * 0.5).detach()
    assert loss.data.detach().item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.equal(loss.logits, logits) and loss.penalty.item() == 0


def test_every_defence_at_once_trains_and_repeats(config, small, tmp_path) -> None:
    defence = {
        **{"adversarial": 0.5, "objective": Objective.TRADES, "steps": 2, "lipschitz_beta": 1e-4},
        **{"jacobian": 0.01, "jacobian_layers": 0.01, "interval": 0.1},
    }
    runs = [train(config(epochs=2, defence=defence), small, tmp_path / name) for name in ("a", "b")]
    states = [run.state_dict() for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
