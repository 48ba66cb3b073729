"""Rounding to the grid never leaves the budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.attack.ball import BALLS, L2Ball, LinfBall, check_norm
from flows.attack.batch import L2, LINF, AdversarialBatch, grid_budget, grid_distances
from flows.attack.worst_case import WorstCase
from flows.errors import FlowError


@settings(max_examples=60, deadline=None)
@given(
    norm=st.sampled_from([LINF, L2]),
    epsilon=st.floats(0, 1),
    scale=st.sampled_from([0.3, 3.0, 40.0, 1000.0]),
    seed=st.integers(0, 10**6),
    sharp=st.booleans(),
)
def test_what_is_snapped_is_an_image_within_the_budget(
    norm: str, epsilon: float, scale: float, seed: int, sharp: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (5, 3, 6, 7)).astype(np.uint8)
    budget = grid_budget(epsilon, norm)
    ball = BALLS[norm].around(torch.from_numpy(x.astype(np.float32)), budget)
    move = rng.standard_normal(x.shape) * scale
    move = np.rint(move) if sharp else move
    images = ball.snap(ball.project(torch.from_numpy((x + move).astype(np.float32))))
    assert torch.equal(images, images.round()) and 0 <= images.min() and images.max() <= 255
    assert grid_distances(images.to(torch.uint8).numpy(), x, norm).max() <= budget
    start = x + BALLS[norm].offsets(rng, x.shape, budget)
    assert grid_distances(ball.snap(ball.project(torch.from_numpy(start))).to(torch.uint8).numpy(), x, norm).max() <= (
        budget
    )


def test_l2_snapping_gives_up_no_more_than_it_must() -> None:
    x = torch.full((1, 1, 1, 4), 100.0)
    ball = L2Ball.around(x, 12)  # 2.6, 1.6, 1.4, 0.4: rounded 3, 2, 1, 0 has 14; 3, 1, 1, 0 or 2, 2, 1, 0 fit
    near = ball.snap(x + torch.tensor([2.6, 1.55, 1.4, 0.4]))
    assert (near - x).flatten().tolist() == [3, 1, 1, 0]
    assert (L2Ball.around(x, 14).snap(x + torch.tensor([2.6, 1.55, 1.4, 0.4])) - x).flatten().tolist() == [3, 2, 1, 0]


def test_steps_of_length_one() -> None:
    gradient = torch.tensor([[[[3.0, -4.0]]], [[[0.0, 0.0]]]])
    x = torch.full((2, 1, 1, 2), 9.0)
    assert L2Ball.around(x, 4).ascent(gradient).flatten().tolist() == pytest.approx([0.6, -0.8, 0, 0])
    assert LinfBall.around(x, 4).ascent(gradient).flatten().tolist() == [1, -1, 0, 0]


def test_l2_budgets_are_counted_in_squared_codes() -> None:
    assert [grid_budget(epsilon, L2) for epsilon in (0, 1 / 255, 2, 2**0.5 / 255)] == [0, 1, 260100, 2]
    for bad, norm, text in [(-1, L2, "0 or more, got -1"), (np.inf, L2, "got inf"), (1, "l1", "linf or l2, got 'l1'")]:
        with pytest.raises(FlowError, match=text):
            grid_budget(bad, norm)
    with pytest.raises(FlowError, match="pgd norm: expected one of linf, l2, got 'l1'"):
        check_norm("pgd norm", "l1")


def test_a_batch_is_checked_in_its_norm() -> None:
    x = np.full((1, 1, 2, 2), 100, np.uint8)

    def batch(epsilon: float, norm: str) -> AdversarialBatch:
        return AdversarialBatch(x + np.uint8(3), np.ones(1, bool), np.ones(1), "a", "torch", epsilon, 0, {}, norm)

    batch(3 / 255, LINF).check(x)
    batch(6 / 255, L2).check(x)
    with pytest.raises(FlowError, match=r"a: moved an image by sqrt\(36\)/255, budget sqrt\(35\)/255"):
        batch(5.99 / 255, L2).check(x)
    with pytest.raises(FlowError, match="worst case: expected budgets in linf, got l2 from a"):
        WorstCase(x).add(batch(6 / 255, L2))
    WorstCase(x, L2).add(batch(6 / 255, L2))
