"""Ensembles judged: what survives averaging attacks, detection, the plane. On a small network, for speed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig
from brevitas_models.networks import build
from flows.attack.eot_pgd import EotPgd
from flows.ensemble.detection import separation, suspicion
from flows.ensemble.evasion import Evasion
from flows.ensemble.members import member_logits, shares_right
from flows.ensemble.plane import point
from flows.errors import FlowError
from flows.report.information_plane import draw
from flows.targets.torch_target import TorchTarget

CLASSES = 4


@pytest.fixture(scope="module")
def ensemble() -> TorchTarget:
    """Two members that were taught four patterns for a moment."""
    torch.manual_seed(0)
    quant = QuantConfig(activation=Activation.SQ, members=(3, 4))
    network = build(NetworkConfig(architecture=Architecture.MLP, hidden=(16,)), quant, (1, 4, 4), CLASSES)
    images, labels = pictures(100)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    x, y = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    for _ in range(25):
        loss = sum(torch.nn.functional.cross_entropy(logits, y) for logits in network.answers(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return TorchTarget(network.eval(), None)


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright quarter in noise: its place is the class."""
    rng = np.random.default_rng(1)
    labels = rng.integers(CLASSES, size=count)
    images = rng.integers(0, 120, size=(count, 1, 4, 4))
    for image, label in zip(images, labels, strict=True):
        image[0, 2 * (label // 2) : 2 * (label // 2) + 2, 2 * (label % 2) : 2 * (label % 2) + 2] += 110
    return images.astype(np.uint8), labels.astype(np.int64)


def test_shares_are_of_single_answers(ensemble) -> None:
    images, labels = pictures(60)
    torch.manual_seed(3)
    logits = member_logits(ensemble.module, images, 5)
    assert logits.shape == (5, 2, 60, CLASSES) and not torch.equal(logits[0], logits[1])
    found = shares_right(logits, labels)
    assert found["sum"] > 0.9 and found["random"] == pytest.approx(np.mean(found["members"]))
    certain = torch.zeros(1, 2, 3, CLASSES)
    certain[0, 0, :, 1], certain[0, 1, :, 2] = 2.0, 1.0  # the first member says 1 louder than the second says 2
    assert shares_right(certain, np.array([1, 1, 2])) == {
        "sum": pytest.approx(2 / 3),
        "random": pytest.approx(0.5),
        "members": [pytest.approx(2 / 3), pytest.approx(1 / 3)],
    }


def test_evasion_stays_in_its_budget_fools_and_is_calmer_than_an_attack_that_does_not_look(ensemble) -> None:
    images, labels = pictures(30)
    epsilon = 0.4
    attack = Evasion(draws=8, steps=10, seed=1)
    found, fooled = attack(ensemble, images, labels, epsilon)
    assert np.abs(found.astype(int) - images).max() <= math.floor(epsilon * 255)
    assert fooled.mean() > 0.5
    assert np.array_equal(found[~fooled], images[~fooled])
    again, _ = attack(ensemble, images, labels, epsilon)
    assert np.array_equal(found, again)
    careless = EotPgd(steps=10, verdict_draws=20, seed=1)(ensemble, images, labels, epsilon)
    both = fooled & careless.success
    torch.manual_seed(0)
    seen = [suspicion(member_logits(ensemble.module, x[both], 16)).mean() for x in (found, careless.images)]
    assert both.sum() > 10 and seen[0] < seen[1]


def test_separation_is_the_auroc() -> None:
    assert separation(np.array([0.1, 0.2]), np.array([0.3, 0.4])) == 1.0
    assert separation(np.array([0.1, 0.3]), np.array([0.1, 0.3])) == 0.5
    assert separation(np.array([0.1]), np.zeros(0)) is None
    certain = torch.full((3, 2, 5, CLASSES), -50.0)
    certain[..., 0] = 50.0
    assert np.allclose(suspicion(certain), 0)
    certain[:, 1, :, 0], certain[:, 1, :, 1] = -50.0, 50.0
    assert np.allclose(suspicion(certain), math.log(2))


def test_a_point_of_certain_members_that_agree_has_the_entropy_of_the_classes() -> None:
    labels = np.arange(40) % CLASSES
    logits = 60.0 * torch.nn.functional.one_hot(torch.from_numpy(labels), CLASSES).float().expand(2, 3, -1, -1)
    found = point(0.1, logits, labels)
    assert found["accuracy"] == 1 and found["mutual_information"] == pytest.approx(math.log(CLASSES))
    assert found["given_class"] == pytest.approx(0, abs=1e-9) and len(found["pairs"]) == 3
    assert found["bias"] == 9 / 80
    svg = draw([{"title": "A & B", "plane": [found, found | {"epsilon": 0.2, "accuracy": 0.5}]}])
    assert svg.count("<circle") == 2 and "A &amp; B" in svg and ">0.2<" in svg


def test_bad_effort_is_refused(ensemble) -> None:
    with pytest.raises(FlowError, match="evasion draws: expected at least 2"):
        Evasion(draws=1)
    with pytest.raises(FlowError, match="draws: expected at least 1"):
        member_logits(ensemble.module, pictures(1)[0], 0)
