"""Real attacks of ART and foolbox, through targets of ours, and what is left of their claims on the grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from art.attacks.evasion import HopSkipJump as ArtHopSkipJump
from art.attacks.evasion import ProjectedGradientDescent, SquareAttack, ZooAttack
from art.exceptions import EstimatorError

from flows.adapters.art_classifier import art_classifier
from flows.adapters.foolbox_model import TargetModel, foolbox, foolbox_model
from flows.adapters.pixels import logits, to_float, to_grid
from flows.adapters.toolbox_attack import ArtAttack, FoolboxAttack
from flows.attack.batch import AdversarialBatch
from flows.attack.boundary import Boundary
from flows.attack.common import labels
from flows.attack.hop_skip_jump import HopSkipJump
from flows.attack.pgd import Pgd
from flows.attack.zoo import Zoo
from flows.errors import FlowError
from flows.simulate import build
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from flows.targets.target import Target
from flows.targets.torch_target import TorchTarget
from tests.flows.attack.linear_digits import classifier

Data = tuple[np.ndarray, np.ndarray]
BOUNDARY = foolbox.attacks.BoundaryAttack(steps=60)


def art_square(classifier: object, epsilon: float) -> SquareAttack:
    return SquareAttack(classifier, eps=epsilon, max_iter=30, nb_restarts=1, verbose=False)


def art_hop_skip_jump(classifier: object, epsilon: float) -> ArtHopSkipJump:
    return ArtHopSkipJump(classifier, norm=2, max_iter=3, init_eval=10, max_eval=30, verbose=False)


def art_pgd(classifier: object, epsilon: float) -> ProjectedGradientDescent:
    return ProjectedGradientDescent(classifier, eps=epsilon, eps_step=epsilon / 4, max_iter=10, verbose=False)


def honest(batch: AdversarialBatch, target: Target, x: np.ndarray, y: np.ndarray) -> None:
    """The batch says what the target says, and counts what it was asked (`target` has answered nothing else)."""
    assert int(batch.queries.sum()) == target.queries
    batch.check(x)
    assert np.array_equal(labels(target, batch.images) != y, batch.success)
    assert batch.success.sum() == batch.details["claimed"] - batch.details["too_far"]


def test_pixels_and_codes_are_one_to_one() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert np.array_equal(to_grid(to_float(codes)), codes)
    assert to_grid(np.array([[[[-0.2, 1.3, 0.4 / 255, 0.6 / 255]]]])).ravel().tolist() == [0, 255, 0, 1]


def test_huge_scores_keep_their_differences() -> None:
    class Huge:
        name, queries = "huge", 0

        def predict(self, images: np.ndarray) -> np.ndarray:
            return (1 << 50) + np.array([[3, 5, 4]]).repeat(len(images), axis=0)

    assert logits(Huge(), np.zeros((2, 1, 2, 2))).tolist() == [[-2, 0, -1]] * 2


@pytest.mark.parametrize("make", [art_square, art_hop_skip_jump])
def test_art_attacks_a_target_that_is_no_network(make: object, digits: Data, data: Data) -> None:
    target, (x, y) = OnnxTarget(classifier(*digits)), (data[0][:10], data[1][:10])
    norm, epsilon = ("linf", 0.1) if make is art_square else ("l2", 1.0)
    batch = ArtAttack("art", make, norm=norm)(target, x, y, epsilon)
    honest(batch, target, x, y)
    assert batch.success.sum() > 2 and batch.target == "onnxruntime"
    again = ArtAttack("art", make, norm=norm)(target, x, y, epsilon)
    if make is art_square:  # ART's HopSkipJump seeds one generator of its own from the clock
        assert np.array_equal(again.images, batch.images)


def test_foolbox_attacks_a_target_that_is_no_network(digits: Data, data: Data) -> None:
    target, (x, y) = OnnxTarget(classifier(*digits)), (data[0][:10], data[1][:10])
    x, y = (array[labels(target, x) == y] for array in (x, y))
    target = OnnxTarget(classifier(*digits))
    batch = FoolboxAttack("foolbox-boundary", BOUNDARY, norm="l2")(target, x, y, 2.0)
    honest(batch, target, x, y)
    assert batch.success.any()
    near = FoolboxAttack("foolbox-boundary", BOUNDARY, norm="l2")(target, x, y, 0.1)
    assert near.details == {"claimed": len(x), "too_far": len(x) - near.success.sum()}  # it minimizes a distance
    assert near.success.sum() < batch.success.sum()


def test_gradients_of_a_twin_and_of_nothing_else(target: TorchTarget, digits: Data, data: Data) -> None:
    x, y = data[0][:50], data[1][:50]
    ours = Pgd(steps=10)(target, x, y, 0.1)
    attacks = [
        FoolboxAttack("foolbox-pgd", foolbox.attacks.LinfPGD(steps=10, rel_stepsize=0.25)),
        ArtAttack("art-pgd", art_pgd),
    ]
    for attack in attacks:
        twin = TorchTarget(target.module, None)
        batch = attack(twin, x, y, 0.1)
        honest(batch, twin, x, y)
        assert batch.details["too_far"] == 0 and abs(int(batch.success.sum()) - int(ours.success.sum())) <= 6
    circuit = OnnxTarget(classifier(*digits))
    with pytest.raises(FlowError, match="got one that needs gradients, which onnxruntime has none of"):
        attacks[0](circuit, x, y, 0.1)
    with pytest.raises(EstimatorError):
        attacks[1](circuit, x, y, 0.1)


def test_models_round_and_count(target: TorchTarget, digits: Data, data: Data) -> None:
    pixels = np.clip(to_float(data[0][:4]) + np.float32(0.4 / 255), 0, 1)
    circuit = OnnxTarget(classifier(*digits))
    for other in (target, circuit):
        plain = labels(other, data[0][:4])
        before = other.queries
        foolbox_scores = foolbox_model(other)(torch.from_numpy(pixels))
        assert np.array_equal(foolbox_scores.detach().numpy().argmax(axis=1), plain)
        assert np.array_equal(art_classifier(other, (1, 8, 8), 10).predict(pixels).argmax(axis=1), plain)
        assert other.queries == before + 8
    assert isinstance(foolbox_model(circuit), TargetModel) and foolbox_model(circuit).bounds == (0, 1)


def test_our_decision_attacks_are_as_strong_as_theirs(target: TorchTarget, data: Data) -> None:
    """At the queries that theirs took, on images that are right."""
    right = labels(target, data[0]) == data[1]
    x, y = data[0][right][:30], data[1][right][:30]
    jumps = foolbox.attacks.HopSkipJumpAttack(steps=2, initial_gradient_eval_steps=20)
    walk = foolbox.attacks.BoundaryAttack(steps=200)
    for theirs, kind in (
        (ArtAttack("art", art_hop_skip_jump, norm="l2"), HopSkipJump),
        (FoolboxAttack("foolbox", jumps, norm="l2"), HopSkipJump),
        (FoolboxAttack("foolbox", walk, norm="l2"), Boundary),
    ):
        other = theirs(target, x, y, 0.6)
        ours = kind(queries=int(other.queries.mean()), norm="l2")(target, x, y, 0.6)
        assert ours.success.sum() >= other.success.sum() - 3, (theirs.name, kind)


def test_our_zoo_is_as_strong_as_that_of_art(target: TorchTarget, data: Data) -> None:
    x, y = data[0][:15], data[1][:15]

    def make(classifier: object, epsilon: float) -> ZooAttack:
        return ZooAttack(
            classifier, learning_rate=0.1, max_iter=8, nb_parallel=16, variable_h=0.2, use_resize=False,
            use_importance=False, initial_const=10.0, verbose=False,
        )  # fmt: skip

    other = ArtAttack("art-zoo", make)(target, x, y, 0.15)
    ours = Zoo(queries=int(other.queries.mean()))(target, x, y, 0.15)
    print("zoo", other.queries.mean(), other.success.mean(), ours.success.mean())
    assert ours.success.sum() >= other.success.sum() - 1


@pytest.mark.sim
def test_toolboxes_attack_a_circuit(digits: Data, data: Data, tmp_path: Path) -> None:
    dataflow, (x, y) = classifier(*digits), (data[0][:6], data[1][:6])
    library = build(dataflow, tmp_path)
    for attack in (ArtAttack("art-square", art_square), ArtAttack("art", art_hop_skip_jump, norm="l2")):
        with RtlTarget(dataflow, library) as circuit:
            batch = attack(circuit, x, y, 0.15 if attack.norm == "linf" else 1.5)
            honest(batch, circuit, x, y)
            assert batch.target == "rtl" and batch.success.any()
