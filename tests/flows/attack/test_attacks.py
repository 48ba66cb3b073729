"""What holds for every attack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from flows.attack.art_square import ArtSquare
from flows.attack.batch import grid_epsilon
from flows.attack.boundary import Boundary
from flows.attack.common import labels
from flows.attack.fgsm import Fgsm
from flows.attack.hop_skip_jump import HopSkipJump
from flows.attack.nes import Nes
from flows.attack.pgd import Pgd
from flows.attack.spsa import Spsa
from flows.attack.square import Square
from flows.attack.substitute import Substitute
from flows.attack.transfer import Transfer
from flows.attack.uniform import Uniform
from flows.attack.zoo import Zoo
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

EPSILON = 0.1

ATTACKS: dict[str, Callable[[int], object]] = {
    "fgsm": lambda seed: Fgsm(seed=seed),
    "pgd": lambda seed: Pgd(steps=10, restarts=2, seed=seed),
    "pgd-margin": lambda seed: Pgd(steps=10, loss="margin", seed=seed),
    "square": lambda seed: Square(queries=60, seed=seed),
    "art-square": lambda seed: ArtSquare(queries=30, seed=seed),
    "nes": lambda seed: Nes(queries=60, seed=seed),
    "spsa": lambda seed: Spsa(queries=60, seed=seed),
    "zoo": lambda seed: Zoo(queries=120, seed=seed),
    "hop-skip-jump": lambda seed: HopSkipJump(queries=200, seed=seed),
    "boundary": lambda seed: Boundary(queries=300, seed=seed),
    "substitute": lambda seed: Substitute(queries=20, rounds=2, seed=seed),
    "uniform": lambda seed: Uniform(draws=3, seed=seed),
}
RANDOM = [name for name in ATTACKS if name != "fgsm"]
Data = tuple[np.ndarray, np.ndarray]


@pytest.mark.parametrize("name", ATTACKS)
def test_success_is_what_the_target_says_and_images_stay_in_the_ball(
    name: str, target: TorchTarget, data: Data
) -> None:
    x, y = data[0][:40], data[1][:40].copy()
    y[3] = (y[3] + 1) % 10  # an image that is wrong from the start
    batch = ATTACKS[name](0)(target, x, y, EPSILON)
    batch.check(x)
    assert batch.attack == name and batch.target == "torch" and batch.epsilon == EPSILON
    assert batch.queries.dtype == np.int64 and int(batch.queries.sum()) == target.queries
    assert np.array_equal(labels(target, batch.images) != y, batch.success)
    moved = (batch.images != x).any(axis=(1, 2, 3))
    assert batch.success[3] and not moved[3]
    assert not moved[~batch.success].any()
    assert batch.success.sum() > 1 or name == "uniform"
    assert not np.shares_memory(batch.images, x)


@pytest.mark.parametrize("name", RANDOM)
def test_the_seed_decides(name: str, target: TorchTarget, data: Data) -> None:
    x, y = data[0][:25], data[1][:25]
    first, again, other = (ATTACKS[name](seed)(target, x, y, 0.15) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images) and np.array_equal(first.queries, again.queries)
    assert not np.array_equal(first.images, other.images)
    assert (first.seed, other.seed) == (1, 2)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_budget_below_one_code_changes_nothing(name: str, target: TorchTarget, data: Data) -> None:
    x, y = data
    batch = ATTACKS[name](0)(target, x, y, 0.9 / 255)
    assert np.array_equal(batch.images, x)
    assert np.array_equal(batch.success, labels(target, x) != y)


@pytest.mark.parametrize("name", ATTACKS)
def test_bad_data_is_refused(name: str, target: TorchTarget, data: Data) -> None:
    attack, (x, y) = ATTACKS[name](0), data
    for images, truth, epsilon, text in [
        (x / 255, y, 0.1, r"expected uint8 images \(N, C, H, W\), got float64"),
        (x, y[:5], 0.1, r"expected at least one image and a class number for each, got 100 images and int64 \(5,\)"),
        (x, y * 1.0, 0.1, "and float64"),
        (x[:0], y[:0], 0.1, "got 0 images"),
        (x, y, 1.5, "expected pixel units from 0 to 1, got 1.5"),
    ]:
        with pytest.raises(FlowError, match=text):
            attack(target, images, truth, epsilon)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Pgd(steps=0), "pgd steps: expected at least 1, got 0"),
        (lambda: Pgd(restarts=2, random_start=False), "expected random_start for more than one restart"),
        (lambda: Pgd(step_size=0.0), "pgd step_size: expected pixel units above 0 up to 1, got 0.0"),
        (
            lambda: Pgd(backward="soft"),
            "pgd backward: expected one of clipped, identity, tanh, staircase, .*, got 'soft'",
        ),
        (lambda: Pgd(loss="mse"), "pgd loss: expected one of cross_entropy, margin, dlr, got 'mse'"),
        (lambda: Fgsm(backward=""), "fgsm backward: expected one of"),
        (lambda: Square(queries=2), "square queries: expected at least 3, got 2"),
        (lambda: Square(queries=9, area=0.0), "square area: expected a share of the image above 0 up to 1, got 0.0"),
        (lambda: Nes(queries=2), "nes queries: expected at least 3, got 2"),
        (lambda: Spsa(queries=9, delta=0.5), "spsa delta: expected pixel codes from 1 to 255, got 0.5"),
        (lambda: Zoo(queries=9, pairs=0), "zoo pairs: expected at least 1, got 0"),
        (lambda: Zoo(queries=9, step_size=2.0), "zoo step_size: expected pixel units above 0 up to 1, got 2.0"),
        (lambda: HopSkipJump(queries=9, norm="l1"), "norm: expected linf or l2, got 'l1'"),
        (lambda: HopSkipJump(queries=9, delta=0.0), "hop-skip-jump delta: expected pixel codes from 1 to 255"),
        (lambda: Boundary(queries=9, source_step=1.0), "boundary source_step: expected a share of the distance"),
        (lambda: Substitute(queries=9, augmentation=0.0), "substitute augmentation: expected pixel units from 1/255"),
        (lambda: Uniform(draws=0), "uniform draws: expected at least 1, got 0"),
    ],
)
def test_hyperparameters_are_checked(make: Callable[[], object], text: str) -> None:
    with pytest.raises(FlowError, match=text):
        make()


def test_transfer_tries_each_image_once(target: TorchTarget, masked: object, data: Data) -> None:
    x, y = data
    found = Pgd(steps=10)(target, x, y, 0.2)
    other = TorchTarget(masked, None)
    batch = Transfer(found.images, source="float")(other, x, y, 0.2)
    assert np.array_equal(batch.success, (labels(other, found.images) != y) | (labels(other, x) != y))
    assert batch.queries.max() == 2 and batch.details == {"source": "float"}
    with pytest.raises(FlowError, match="moved a pixel by"):
        Transfer(found.images, source="float")(other, x, y, 0.05)
    with pytest.raises(FlowError, match=r"expected uint8 \(99, 1, 8, 8\) from float"):
        Transfer(found.images, source="float")(other, x[1:], y[1:], 0.2)


def test_the_budget_is_counted_in_codes() -> None:
    assert [grid_epsilon(e) for e in (0.0, 0.1, 8 / 255, 1.0)] == [0, 25, 8, 255]
