from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from brevitas_models.defences import diversity

CLASSES = 10


def one_hot(labels: Tensor) -> Tensor:
    return nn.functional.one_hot(labels, CLASSES).double()


def entropy(p: list[float]) -> float:
    return -sum(x * math.log(x) for x in p if x)


def test_members_that_say_the_same_of_every_picture_tell_nothing() -> None:
    a, b = torch.rand(2, CLASSES, dtype=torch.float64).softmax(1)
    assert diversity.mutual_information(a.expand(50, -1), b.expand(50, -1)).item() == pytest.approx(0, abs=1e-12)


def test_certain_members_that_agree_tell_the_entropy_of_the_classes() -> None:
    labels = torch.arange(1000) % CLASSES
    assert diversity.mutual_information(one_hot(labels), one_hot(labels)).item() == pytest.approx(math.log(CLASSES))
    skewed = torch.tensor([0] * 70 + [1] * 20 + [2] * 10)
    found = diversity.mutual_information(one_hot(skewed), one_hot(skewed + 3))
    assert found.item() == pytest.approx(entropy([0.7, 0.2, 0.1]))


@pytest.mark.parametrize("error", [0.05, 0.3, 0.9])
def test_a_symmetric_channel_has_its_capacity(error) -> None:
    """A certain member and one that is right with 1 - e and else anything: log C - H(1 - e, e/9, ...)."""
    labels = torch.arange(200) % CLASSES
    noisy = one_hot(labels) * (1 - error) + (1 - one_hot(labels)) * error / (CLASSES - 1)
    expected = math.log(CLASSES) - entropy([1 - error] + [error / (CLASSES - 1)] * (CLASSES - 1))
    assert diversity.mutual_information(one_hot(labels), noisy).item() == pytest.approx(expected)


def test_given_the_class_only_common_errors_count() -> None:
    """Right with 0.8, else the next class: independent errors tell 0, common ones their entropy, whatever I(A; B)."""
    labels = torch.arange(CLASSES).repeat_interleave(25)
    own = torch.arange(25).repeat(CLASSES)
    first, second = (labels + (own % 5 == 0)) % CLASSES, (labels + (own // 5 == 0)) % CLASSES
    independent = diversity.conditional_mutual_information(one_hot(first), one_hot(second), labels)
    assert independent.item() == pytest.approx(0, abs=1e-9)
    common = diversity.conditional_mutual_information(one_hot(first), one_hot(first), labels)
    assert common.item() == pytest.approx(entropy([0.8, 0.2]))
    assert diversity.mutual_information(one_hot(first), one_hot(second)).item() > 1


def test_the_estimate_of_independent_answers_is_too_large_by_its_known_bias() -> None:
    generator = torch.Generator().manual_seed(0)
    for pictures in (500, 4000):
        a, b = (one_hot(torch.randint(CLASSES, (20, pictures), generator=generator)) for _ in range(2))
        found = torch.stack([diversity.mutual_information(x, y) for x, y in zip(a, b, strict=True)]).mean().item()
        assert found == pytest.approx((CLASSES - 1) ** 2 / (2 * pictures), rel=0.15)


def test_the_penalty_falls_where_common_errors_part() -> None:
    labels = torch.arange(CLASSES).repeat(8)
    start = torch.randn(80, CLASSES, generator=torch.Generator().manual_seed(1))
    logits = [start.clone().requires_grad_(), start.clone().requires_grad_()]
    found = []
    for _ in range(60):
        loss = diversity.penalty(logits, labels)
        found.append(loss.item())
        slopes = torch.autograd.grad(loss, logits)
        logits = [(x - 100 * slope).detach().requires_grad_() for x, slope in zip(logits, slopes, strict=True)]
    assert 0 < found[-1] < 0.5 * found[0]


def test_disagreement_is_zero_among_equals_and_the_log_of_members_at_most() -> None:
    p = torch.rand(6, CLASSES).softmax(1)
    assert torch.allclose(diversity.disagreement([p, p, p]), torch.zeros(6), atol=1e-6)
    apart = [one_hot(torch.full((4,), k)) for k in range(3)]
    assert torch.allclose(diversity.disagreement(apart), torch.full((4,), math.log(3), dtype=torch.float64))
    assert diversity.over_pairs([p.double(), p.double()]).item() >= 0
