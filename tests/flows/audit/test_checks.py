"""Every check on made-up evidence: what it counts, when it warns and when it fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from flows.attack.batch import AdversarialBatch
from flows.attack.gradients import ZeroGradients
from flows.audit.evidence import Evidence
from flows.audit.judge import checks, judge
from flows.audit.measures.agreement import Agreement
from flows.audit.measures.repeats import Repeats
from flows.errors import FlowError

IMAGES = 100


def _batch(name: str, fooled: range, images: int = IMAGES, epsilon: float = 0.1, **details: object) -> AdversarialBatch:
    success = np.isin(np.arange(images), fooled)
    x = np.zeros((images, 1, 2, 2), np.uint8)
    return AdversarialBatch(x, success, np.ones(images, np.int64), name, "torch", epsilon, 0, details)


def _gradient(name: str, fooled: int, backward: str = "clipped", loss: str = "cross_entropy") -> AdversarialBatch:
    return _batch(name, range(fooled), backward=backward, loss=loss)


GOOD = Evidence(
    batches=(
        _gradient("fgsm", 20),
        _gradient("pgd", 50),
        _gradient("pgd", 50, "identity"),
        _gradient("pgd-margin", 50, loss="margin"),
        _batch("transfer", range(20), source="float"),
        _batch("uniform", range(5)),
        _batch("square", range(30), images=60),
    ),
    unbounded=_batch("pgd", range(IMAGES), epsilon=1.0, backward="clipped"),
    zeros=ZeroGradients(0.1, 0.0),
    settled=(0.5, 0.48),
    repeats=Repeats(0.0, 0.0, IMAGES, 2),
    agreement=Agreement(0.9, 800, 0.0, 6),
    budgets=(_batch("pgd", range(20), epsilon=0.05), _batch("pgd", range(50), epsilon=0.1)),
    claimed=0.5,
    found=0.48,
)


def _with(index: int, batch: AdversarialBatch) -> Evidence:
    batches = list(GOOD.batches)
    batches[index] = batch
    return dataclasses.replace(GOOD, batches=tuple(batches))


def _not_passed(evidence: Evidence) -> dict[str, str]:
    return {check.name: check.verdict.value for check in checks(evidence) if check.verdict != "pass"}


def test_nothing_is_wrong_with_the_base_case() -> None:
    made = checks(GOOD)
    assert len(made) == 14 and len({check.name for check in made}) == 14
    assert {check.verdict for check in made} == {"pass"} and not any(check.advice for check in made)
    result = judge(GOOD)
    assert result["verdict"] == "sound" and result["own_gradient"]["accuracy"] == 0.5
    assert all(check["value"] and check["why"] for check in result["checks"])


CASES: list[tuple[Callable[[], Evidence], str, str]] = [
    (lambda: _with(0, _batch("fgsm", range(45, 56), backward="clipped")), "single step not stronger", "warn"),
    (lambda: _with(2, _gradient("pgd", 56, "identity")), "backward passes agree", "warn"),
    (lambda: _with(3, _gradient("pgd-margin", 56, loss="margin")), "size of the logits", "warn"),
    (lambda: _with(4, _batch("transfer", range(45, 56), source="float")), "transfer", "warn"),
    (lambda: _with(4, _batch("transfer", range(45, 66), source="float")), "transfer", "fail"),
    (lambda: _with(5, _batch("uniform", range(45, 56))), "noise", "warn"),
    (lambda: _with(6, _batch("square", range(45, 54), images=60)), "gradient-free", "warn"),
    (lambda: _with(6, _batch("square", range(45, 60), images=60)), "gradient-free", "fail"),
    (lambda: dataclasses.replace(GOOD, zeros=ZeroGradients(0.6, 0.0)), "most pixels", "warn"),
    (lambda: dataclasses.replace(GOOD, zeros=ZeroGradients(0.1, 0.06)), "every image has", "warn"),
    (lambda: dataclasses.replace(GOOD, zeros=ZeroGradients(0.1, 0.51)), "every image has", "fail"),
    (lambda: dataclasses.replace(GOOD, agreement=Agreement(0.7, 800, 0.0, 6)), "the gradient foretells", "warn"),
    (lambda: dataclasses.replace(GOOD, agreement=Agreement(0.52, 800, 0.0, 6)), "the gradient foretells", "fail"),
    (lambda: dataclasses.replace(GOOD, agreement=Agreement(0.5, 0, 1.0, 6)), "the gradient foretells", "fail"),
    (lambda: dataclasses.replace(GOOD, repeats=Repeats(0.5, 0.0, 100, 8)), "the same image", "warn"),
    (lambda: dataclasses.replace(GOOD, repeats=Repeats(0.5, 0.06, 100, 8)), "the same image", "fail"),
    (lambda: dataclasses.replace(GOOD, unbounded=_batch("pgd", range(99), epsilon=1.0)), "unbounded", "warn"),
    (lambda: dataclasses.replace(GOOD, unbounded=_batch("pgd", range(94), epsilon=1.0)), "unbounded", "fail"),
    (lambda: dataclasses.replace(GOOD, settled=(0.5, 0.44)), "more steps", "warn"),
    (lambda: dataclasses.replace(GOOD, settled=(0.5, 0.34)), "more steps", "fail"),
    (
        lambda: dataclasses.replace(GOOD, budgets=(GOOD.budgets[0], _batch("pgd", range(6, 60), epsilon=0.1))),
        "a larger budget",
        "warn",
    ),
    (lambda: dataclasses.replace(GOOD, found=0.44), "the worst case on record", "warn"),
    (lambda: dataclasses.replace(GOOD, found=0.34), "the worst case on record", "fail"),
]


@pytest.mark.parametrize(("make", "name", "verdict"), CASES)
def test_each_check_speaks_alone(make: Callable[[], Evidence], name: str, verdict: str) -> None:
    evidence = make()
    found = _not_passed(evidence)
    assert len(found) == 1 and found.popitem()[1] == verdict
    (check,) = [check for check in checks(evidence) if check.name.startswith(name)]
    assert check.advice and 0 <= check.share <= 1
    assert judge(evidence)["verdict"] == ("masked" if verdict == "fail" else "suspicious")


def test_the_value_says_what_was_compared() -> None:
    evidence = _with(6, _batch("square", range(45, 54), images=60))
    (check,) = [check for check in checks(evidence) if check.name.startswith("gradient-free")]
    assert check.value == "square 0.850, white-box 0.167; 4 of 60 images only by it"
    assert (check.share, check.samples) == (pytest.approx(4 / 60), 60)


def test_without_something_to_compare_there_is_no_check() -> None:
    few = tuple(b for b in GOOD.batches if b.attack not in ("transfer", "pgd-margin"))
    few = tuple(b for b in few if b.details.get("backward") != "identity")
    made = checks(dataclasses.replace(GOOD, batches=few, budgets=(), claimed=None, found=None))
    assert len(made) == 9


def test_a_missing_attack_is_named() -> None:
    with pytest.raises(FlowError, match="audit: expected an attack uniform, got fgsm, pgd"):
        checks(dataclasses.replace(GOOD, batches=tuple(b for b in GOOD.batches if b.attack != "uniform")))
