"""Each white-box attack beside ART's: same network, budget and steps. `benchmarks.attack` does the same at size."""

from __future__ import annotations

from collections.abc import Callable

import art.attacks.evasion as art
import numpy as np
import pytest
import torch
from art.estimators.classification import PyTorchClassifier

from flows.attack.batch import L2, LINF, grid_budget, grid_distances
from flows.attack.common import labels
from flows.attack.registry import build
from flows.targets.torch_target import TorchTarget

LINF_EPSILON, L2_EPSILON = 8 / 255, 0.3
CHANCE = 3  # of 100 images: other random starts, and theirs is rounded to the grid afterwards


def _apgd(network: PyTorchClassifier, norm: object, epsilon: float, loss: str) -> art.AutoProjectedGradientDescent:
    return art.AutoProjectedGradientDescent(
        network,
        norm=norm,
        eps=epsilon,
        eps_step=2 * epsilon,
        max_iter=20,
        nb_random_init=1,
        batch_size=128,
        loss_type=loss,
        verbose=False,
    )


Case = tuple[str, dict[str, object], str, Callable[[PyTorchClassifier], object]]
CASES: list[Case] = [
    (
        "pgd",
        {"steps": 10, "step_size": 2 / 255, "momentum": 1.0, "random_start": False},
        LINF,
        lambda n: art.MomentumIterativeMethod(n, eps=LINF_EPSILON, eps_step=2 / 255, max_iter=10, verbose=False),
    ),
    (
        "pgd",
        {"steps": 20, "step_size": 0.05, "norm": L2},
        L2,
        lambda n: art.ProjectedGradientDescentNumpy(
            n, norm=2, eps=L2_EPSILON, eps_step=0.05, max_iter=20, num_random_init=1, verbose=False
        ),
    ),
    ("apgd-ce", {"steps": 20}, LINF, lambda n: _apgd(n, np.inf, LINF_EPSILON, "cross_entropy")),
    ("apgd-dlr", {"steps": 20}, LINF, lambda n: _apgd(n, np.inf, LINF_EPSILON, "difference_logits_ratio")),
    ("apgd-ce", {"steps": 20, "norm": L2}, L2, lambda n: _apgd(n, 2, L2_EPSILON, "cross_entropy")),
    (
        "deepfool",
        {"steps": 20, "norm": L2},
        L2,
        lambda n: art.DeepFool(n, max_iter=20, epsilon=0.02, nb_grads=10, batch_size=128, verbose=False),
    ),
    (
        "cw-l2",
        {"binary_steps": 3, "iterations": 40, "constant": 1.0, "learning_rate": 0.02},
        L2,
        lambda n: art.CarliniL2Method(
            n, binary_search_steps=3, max_iter=40, initial_const=1.0, learning_rate=0.02, batch_size=128, verbose=False
        ),
    ),
]


@pytest.mark.parametrize(("name", "values", "norm", "make"), CASES)
def test_ours_is_as_strong_as_that_of_art(
    name: str,
    values: dict[str, object],
    norm: str,
    make: Callable[[PyTorchClassifier], object],
    network: torch.nn.Module,
    target: TorchTarget,
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    x, y = data
    epsilon = LINF_EPSILON if norm == LINF else L2_EPSILON
    classifier = PyTorchClassifier(
        network, torch.nn.CrossEntropyLoss(), (1, 8, 8), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    ours = build(name, values)(target, x, y, epsilon)
    found = make(classifier).generate((x / np.float32(255)).astype(np.float32), y)
    images = np.clip(np.rint(found * 255), 0, 255).astype(np.uint8)
    near = grid_distances(images, x, norm) <= grid_budget(epsilon, norm)
    theirs = (near & (labels(target, images) != y)) | (labels(target, x) != y)
    assert ours.success.sum() >= theirs.sum() - CHANCE
    assert 0.1 < ours.success.mean() < 0.9  # a budget at which strength shows
