"""The white-box attacks: what holds for each, and what each is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flows.attack.apgd import Apgd
from flows.attack.auto_step import checkpoints
from flows.attack.batch import L2, LINF, grid_distances
from flows.attack.carlini_wagner import CarliniWagner
from flows.attack.common import labels
from flows.attack.layout import channels_last
from flows.attack.losses import cross_entropy, dlr, margin, targeted_dlr
from flows.attack.pgd import Pgd
from flows.attack.registry import GRADIENTS, attack_names, build, entry, parameters
from flows.attack.temperature_pgd import TemperaturePgd, unsaturated
from flows.attack.white_box import attacked
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

Data = tuple[np.ndarray, np.ndarray]
CASES = [(name, norm) for name in attack_names(GRADIENTS) for norm in entry(name).norms]
EPSILON = {LINF: 0.1, L2: 0.6}
DETERMINISTIC = ("fgsm", "bim", "deepfool", "cw-l2", "cw-l2-he2019")
STRONG = 0.3  # of 40 images, what every attack but the weak ones fools at EPSILON
WEAK = ("fgsm", "r-fgsm", "cw-l2-he2019")


def small(name: str, norm: str, seed: int = 0) -> object:
    """The attack with few steps."""
    few = {"steps": 12, "iterations": 60, "binary_steps": 4, "constant": 1.0, "classes": 4, "norm": norm, "seed": seed}
    few = few if entry(name).preset.get("iterations") is None else {"norm": norm, "seed": seed}
    return build(name, {key: value for key, value in few.items() if key in parameters(name)})


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_what_every_attack_gives(name: str, norm: str, target: TorchTarget, data: Data) -> None:
    x, y = data[0][:40], data[1][:40].copy()
    y[3] = (y[3] + 1) % 10  # an image that is wrong from the start
    batch = small(name, norm)(target, x, y, EPSILON[norm])
    batch.check(x)
    assert batch.norm == norm and (norm == LINF or batch.attack.count("l2") == 1)
    assert int(batch.queries.sum()) == target.queries
    assert np.array_equal(labels(target, batch.images) != y, batch.success)
    moved = (batch.images != x).any(axis=(1, 2, 3))
    assert batch.success[3] and not moved[3] and not moved[~batch.success].any()
    assert batch.success.mean() > STRONG or name in WEAK
    assert all(parameter.requires_grad for parameter in target.module.parameters())


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_the_seed_decides_and_nothing_fits_into_no_budget(
    name: str, norm: str, target: TorchTarget, data: Data
) -> None:
    x, y = data[0][:12], data[1][:12]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (small(name, norm, seed)(target, x, y, EPSILON[norm]) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images) and np.array_equal(first.queries, again.queries)
    assert name in DETERMINISTIC or not np.array_equal(first.images, other.images)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(small(name, norm)(target, x, y, 0.4 / 255).images, x)


@pytest.mark.parametrize("name", ["pgd", "bim", "apgd-ce", "apgd-dlr", "apgd-t", "deepfool", "temperature-pgd"])
def test_one_images_search_does_not_depend_on_the_others(name: str, target: TorchTarget, data: Data) -> None:
    x, y = data
    together, alone = (small(name, LINF)(target, x[:n], y[:n], 0.1) for n in (30, 1))
    assert np.array_equal(together.images[0], alone.images[0])


def test_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]


def test_auto_step_is_not_weaker_than_a_fixed_step_ten_times_too_small(target: TorchTarget, data: Data) -> None:
    fixed = Pgd(steps=30, step_size=0.002)(target, *data, 0.1).success.sum()
    assert Apgd(steps=30)(target, *data, 0.1).success.sum() > fixed


def test_losses_by_hand() -> None:
    logits, right = torch.tensor([[3.0, 1.0, 0.0, -1.0]]), torch.tensor([0])
    assert margin(logits, right).item() == -2 and dlr(logits, right).item() == pytest.approx(-2 / 3)
    assert targeted_dlr(logits, right, torch.tensor([2])).item() == pytest.approx(-3 / 3.5)
    assert cross_entropy(logits, right).item() == pytest.approx(np.log(np.exp([3, 1, 0, -1]).sum()) - 3, abs=1e-6)
    for loss in (dlr, lambda z, y: targeted_dlr(z, y, torch.tensor([2]))):
        assert loss(5 * logits + 7, right).item() == pytest.approx(loss(logits, right).item(), abs=1e-5)
    assert torch.isfinite(dlr(torch.ones(1, 3), right)).all()  # a quantized network gives equal logits
    with pytest.raises(FlowError, match="DLR loss: expected at least 3 classes, got 2; use the margin"):
        dlr(logits[:, :2], right)


def test_carlini_wagner_finds_smaller_changes_than_the_ball_attacks(target: TorchTarget, data: Data) -> None:
    x, y = data[0][:20], data[1][:20]
    far = Pgd(norm=L2, steps=30)(target, x, y, 2.0)
    near = CarliniWagner(constant=1.0, binary_steps=6, iterations=150)(target, x, y, 2.0)
    both = far.success & near.success & (near.images != x).any(axis=(1, 2, 3))
    assert both.sum() > 15 and near.details["found"] >= both.sum()
    lengths = [grid_distances(batch.images, x, L2)[both] for batch in (near, far)]
    assert np.median(lengths[0]) < np.median(lengths[1]) / 2
    assert near.details["median_l2"] == pytest.approx(np.median(np.sqrt(lengths[0])) / 255, rel=0.1)
    assert (lengths[0] <= (2.0 * 255) ** 2).all()


def test_the_short_schedule_is_that_of_the_papers_group() -> None:
    attack = build("cw-l2-he2019")
    assert (attack.constant, attack.learning_rate, attack.confidence) == (0.01, 5e-4, 0.0)
    assert (attack.binary_steps, attack.iterations) == (9, 10)


def test_temperature_opens_what_large_logits_close(network: nn.Module, data: Data) -> None:
    class Hot(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return network(x) * 1000

    target = TorchTarget(Hot(), None)
    plain, scaled = (kind(steps=10)(target, *data, 0.1).success.sum() for kind in (Pgd, TemperaturePgd))
    assert scaled > plain + 20
    logits = torch.tensor([[50.0, 0.0, -50.0], [0.1, 0.0, 0.0]])
    softened = unsaturated(logits, torch.tensor([0, 0]))
    assert torch.softmax(softened, 1)[0, 0] < 0.9901 and torch.equal(softened[1], logits[1])


def test_momentum_and_early_exit_change_the_cost_not_the_rules(target: TorchTarget, data: Data) -> None:
    x, y = data
    exits, stays = (Pgd(steps=8, early_exit=leave)(target, x, y, 0.1) for leave in (True, False))
    assert np.array_equal(exits.success, stays.success)
    standing = labels(target, x) == y
    assert (stays.queries[standing & ~stays.success] == 10).all() and (
        stays.queries[stays.success & standing] == 11
    ).all()
    assert exits.queries.sum() < stays.queries.sum()
    heavy = Pgd(steps=8, momentum=1.0)(target, x, y, 0.1)
    assert not np.array_equal(heavy.images, exits.images) and heavy.success.sum() > 0.8 * exits.success.sum()
    with pytest.raises(FlowError, match="pgd momentum: expected 0 to 1, got 2"):
        Pgd(momentum=2)


def test_progress_counts_queries(target: TorchTarget, data: Data) -> None:
    seen: list[tuple[int, int]] = []
    build("pgd", {"restarts": 3}, progress=lambda asked, left: seen.append((asked, left)))(target, *data, 0.05)
    assert (
        seen == sorted(seen)
        and len(seen) == 3
        and seen[-1][1] == 100 - Pgd(restarts=3)(target, *data, 0.05).success.sum()
    )


class Views(nn.Module):
    """Cannot take activations channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 3, 3), nn.Linear(108, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.conv(x).view(len(x), -1))


def test_convolutions_change_their_layout_only_where_the_network_can(data: Data) -> None:
    views = Views()
    flattens = nn.Sequential(views.conv, nn.Flatten(), views.last)
    before = views.conv.weight.clone()
    for network, strides in ((flattens, (9, 1, 3, 1)), (views, (9, 9, 3, 1))):
        expected = network(torch.ones(1, 1, 8, 8))
        with channels_last(network, torch.zeros(1, 1, 8, 8)):
            assert views.conv.weight.stride() == strides
            torch.testing.assert_close(network(torch.ones(1, 1, 8, 8)), expected)
        assert views.conv.weight.stride() == (9, 9, 3, 1) and torch.equal(views.conv.weight, before)
        Pgd(steps=2)(TorchTarget(network, None), data[0][:5], data[1][:5], 0.1).check(data[0][:5])


def test_parameters_want_their_gradients_back_even_after_an_error(target: TorchTarget) -> None:
    with pytest.raises(RuntimeError, match="inside"), attacked(target, "clipped"):
        assert not any(parameter.requires_grad for parameter in target.module.parameters())
        raise RuntimeError("inside")
    assert all(parameter.requires_grad for parameter in target.module.parameters())
