"""Each white-box attack of ours beside the same of ART or foolbox: same network, budget, steps and step size."""

from __future__ import annotations

import time
from collections.abc import Callable

import art.attacks.evasion as art
import foolbox
import numpy as np
import torch
from art.estimators.classification import PyTorchClassifier
from scipy.stats import binomtest

from flows.attack.batch import L2, LINF, grid_budget, grid_distances
from flows.attack.common import labels
from flows.attack.registry import build
from flows.targets.torch_target import TorchTarget

CODES, L2_EPSILON = 25, 1.5
LEVEL = 0.05  # of the test on images that only one of the two fooled
Theirs = Callable[[np.ndarray, np.ndarray], np.ndarray]


def strength(network: torch.nn.Module, x: np.ndarray, y: np.ndarray) -> list[dict[str, object]]:
    """One row per pair: success of both on the grid, and whether ours is as good or within chance.

    `theirs`: judged off the grid, as it comes (budget up to 0.1 %); `theirs_on_grid`: rounded to whole codes, where
    rounding undoes small changes and carries L2 ones out of the budget. Ours is on the grid. `no_weaker`: ours fooled
    at least as many as theirs off the grid, or an exact McNemar test on the images that only one of them fooled does
    not tell them apart at 5 %.
    """
    target = TorchTarget(network, None)
    rows = []
    for name, values, norm, other, theirs in _pairs(network):
        epsilon = CODES / 255 if norm == LINF else L2_EPSILON
        started = time.process_time()
        mine = build(name, values)(target, x, y, epsilon).success
        between = time.process_time()
        found = theirs((x / np.float32(255)).astype(np.float32), y)
        after = time.process_time()
        on_grid, wrong = _judged(target, found, x, y, norm, epsilon)
        only_ours, only_theirs = int((mine & ~wrong).sum()), int((wrong & ~mine).sum())
        chance = binomtest(only_theirs, only_ours + only_theirs).pvalue if only_ours + only_theirs else 1.0
        rows.append(
            {
                "attack": name,
                "norm": norm,
                "values": values,
                "other": other,
                "ours": float(mine.mean()),
                "theirs": float(wrong.mean()),
                "theirs_on_grid": float(on_grid.mean()),
                "no_weaker": bool(only_ours >= only_theirs or chance > LEVEL),
                "cpu_seconds": [round(between - started, 2), round(after - between, 2)],
            }
        )
    return rows


def _judged(
    target: TorchTarget, found: np.ndarray, x: np.ndarray, y: np.ndarray, norm: str, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """bool (N,) twice: `found`, float32 pixels, fools within the budget on the grid, and as it comes."""
    clean = labels(target, x) != y
    images = np.clip(np.rint(found * 255), 0, 255).astype(np.uint8)
    near = grid_distances(images, x, norm) <= grid_budget(epsilon, norm)
    on_grid = (near & (labels(target, images) != y)) | clean
    change = (found - x / 255).reshape(len(x), -1)
    length = np.abs(change).max(axis=1) if norm == LINF else np.linalg.norm(change, axis=1)
    with torch.no_grad():
        loose = target.module(torch.from_numpy(found)).argmax(dim=1).numpy() != y
    return on_grid, (loose & (length <= epsilon * 1.001)) | clean


def _pairs(network: torch.nn.Module) -> list[tuple[str, dict[str, object], str, str, Theirs]]:
    """(our attack, its values, norm, the other's name, the other)."""
    classifier = PyTorchClassifier(
        network, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    linf, l2 = CODES / 255, L2_EPSILON
    own = foolbox.attacks

    def auto(norm: object, epsilon: float, loss: str) -> art.AutoProjectedGradientDescent:
        return art.AutoProjectedGradientDescent(
            classifier,
            norm=norm,
            eps=epsilon,
            eps_step=2 * epsilon,
            max_iter=50,
            nb_random_init=1,
            batch_size=128,
            loss_type=loss,
            verbose=False,
        )

    def from_art(attack: object) -> Theirs:
        return lambda x, y: attack.generate(x, y)

    def from_foolbox(attack: object, epsilon: float | None) -> Theirs:
        def run(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
            return attack(model, torch.from_numpy(x), torch.from_numpy(y), epsilons=epsilon)[1].numpy()

        return run

    steps = {"steps": 20, "step_size": 0.01}
    deep = {"steps": 50, "classes": 10}
    carlini = {"constant": 0.1, "learning_rate": 0.01, "binary_steps": 5, "iterations": 100}
    return [
        ("fgsm", {}, LINF, "foolbox FGSM", from_foolbox(own.LinfFastGradientAttack(), linf)),
        (
            "bim",
            steps,
            LINF,
            "foolbox BIM",
            from_foolbox(own.LinfBasicIterativeAttack(abs_stepsize=0.01, steps=20), linf),
        ),
        (
            "pgd",
            steps,
            LINF,
            "foolbox PGD",
            from_foolbox(own.LinfProjectedGradientDescentAttack(abs_stepsize=0.01, steps=20), linf),
        ),
        (
            "pgd",
            {**steps, "momentum": 1.0},
            LINF,
            "art MIM",
            from_art(art.MomentumIterativeMethod(classifier, eps=linf, eps_step=0.01, max_iter=20, verbose=False)),
        ),
        (
            "pgd",
            {"norm": L2, "steps": 20, "step_size": 0.2},
            L2,
            "foolbox PGD",
            from_foolbox(own.L2ProjectedGradientDescentAttack(abs_stepsize=0.2, steps=20), l2),
        ),
        ("apgd-ce", {"steps": 50}, LINF, "art APGD", from_art(auto(np.inf, linf, "cross_entropy"))),
        ("apgd-dlr", {"steps": 50}, LINF, "art APGD", from_art(auto(np.inf, linf, "difference_logits_ratio"))),
        ("apgd-ce", {"steps": 50, "norm": L2}, L2, "art APGD", from_art(auto(2, l2, "cross_entropy"))),
        (
            "deepfool",
            deep,
            LINF,
            "foolbox DeepFool",
            from_foolbox(own.LinfDeepFoolAttack(steps=50, candidates=10), None),
        ),
        (
            "deepfool",
            {**deep, "norm": L2},
            L2,
            "foolbox DeepFool",
            from_foolbox(own.L2DeepFoolAttack(steps=50, candidates=10), None),
        ),
        (
            "cw-l2",
            carlini,
            L2,
            "foolbox C&W",
            from_foolbox(
                own.L2CarliniWagnerAttack(
                    binary_search_steps=5, steps=100, stepsize=0.01, initial_const=0.1, abort_early=False
                ),
                None,
            ),
        ),
        (
            "cw-l2-he2019",
            {},
            L2,
            "foolbox C&W",
            from_foolbox(
                own.L2CarliniWagnerAttack(
                    binary_search_steps=9, steps=10, stepsize=5e-4, initial_const=0.01, abort_early=False
                ),
                None,
            ),
        ),
    ]
