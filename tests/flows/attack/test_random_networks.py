"""Networks that draw random numbers: gradients over many draws, success by majority."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flows.attack.eot_pgd import EotPgd
from flows.attack.majority import Majority, is_random
from flows.attack.pgd import Pgd
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

Data = tuple[np.ndarray, np.ndarray]


class Noisy(nn.Module):
    """Adds noise to the pixels, large against the step of an attack."""

    def __init__(self, network: nn.Module, size: float) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x + self.size * torch.randn_like(x))


@pytest.fixture
def noisy(network: nn.Module) -> TorchTarget:
    return TorchTarget(Noisy(network, 0.3), None)


def test_success_is_the_majority_of_fresh_draws(noisy: TorchTarget, data: Data) -> None:
    x, y = data[0][:30], data[1][:30]
    batch = EotPgd(steps=5, verdict_draws=51)(noisy, x, y, 0.1)
    batch.check(x)
    assert int(batch.queries.sum()) == noisy.queries and batch.details["draws"] == 20
    wrong = np.sum([noisy.predict(batch.images).argmax(axis=1) != y for _ in range(400)], axis=0) / 400
    assert (wrong[batch.success] > 0.35).all() and (wrong[~batch.success] < 0.65).all()
    assert batch.success.sum() > 10


def test_luck_is_no_success(noisy: TorchTarget, data: Data) -> None:
    x, y = data[0][:60], data[1][:60]
    torch.manual_seed(0)
    once = np.any([noisy.predict(x).argmax(axis=1) != y for _ in range(20)], axis=0)
    often, cost = Majority(51)(noisy, x, y)
    assert cost == 51 and often.sum() < once.sum() / 2


def test_the_mean_gradient_finds_more_than_one_draws(noisy: TorchTarget, data: Data) -> None:
    x, y = data[0][:60], data[1][:60]
    torch.manual_seed(0)
    single = Pgd(steps=8, step_size=0.02, early_exit=False)(noisy, x, y, 0.08)
    mean = EotPgd(steps=8, step_size=0.02)(noisy, x, y, 0.08)
    judged, _ = Majority(51)(noisy, single.images, y)
    assert mean.success.sum() > judged.sum()


def test_the_seed_decides_and_the_global_generator_stays(noisy: TorchTarget, data: Data) -> None:
    x, y = data[0][:8], data[1][:8]
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, again = (EotPgd(steps=2, seed=5)(noisy, x, y, 0.1) for _ in range(2))
    assert np.array_equal(first.images, again.images) and torch.equal(state, torch.get_rng_state())


def test_who_is_random_is_seen(noisy: TorchTarget, target: TorchTarget, data: Data) -> None:
    assert is_random(noisy, data[0][:5]) and not is_random(target, data[0][:5])


@pytest.mark.parametrize("what", ["draws", "verdict_draws"])
def test_few_draws_are_refused(what: str) -> None:
    with pytest.raises(FlowError, match=f"eot-pgd {what}: expected at least 20, got 19"):
        EotPgd(**{what: 19})
