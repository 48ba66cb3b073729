"""The audit passes an honest network and warns about one that hides its gradients."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from flows.attack.batch import AdversarialBatch
from flows.attack.fgsm import Fgsm
from flows.attack.gradients import ZeroGradients, zero_gradients
from flows.attack.masking import audit
from flows.attack.pgd import Pgd
from flows.attack.square import Square
from flows.attack.uniform import Uniform
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

Data = tuple[np.ndarray, np.ndarray]
EPSILON = 0.1


def _audit(target: TorchTarget, data: Data) -> dict[str, object]:
    attacks = (Fgsm(), Pgd(steps=20), Pgd(steps=20, loss="margin"), Uniform(), Square(queries=200))
    batches = [attack(target, *data, EPSILON) for attack in attacks]
    unbounded = Pgd(steps=20)(target, *data, 1.0)
    return audit(batches, unbounded, zero_gradients(target, *data), (0.3, 0.3), "clipped")


def _verdicts(result: dict[str, object]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in result["checks"]}


def test_an_honest_network_passes(target: TorchTarget, data: Data) -> None:
    result = _audit(target, data)
    assert set(_verdicts(result).values()) == {"pass"}, result
    assert len(result["checks"]) == 8  # one backward pass, no transfer: nothing to compare for those two
    assert result["zero_gradient_share"] < 0.1


def test_a_masked_network_is_found_out(masked: torch.nn.Module, data: Data) -> None:
    target = TorchTarget(masked, None)
    result, verdicts = _audit(target, data), _verdicts(_audit(target, data))
    assert result["zero_gradient_share"] == 1.0
    assert zero_gradients(target, *data) == (1.0, 1.0)
    for name in (
        "unbounded attack reaches zero",
        "gradient-free not stronger than white-box",
        "noise not stronger than iterative",
        "most pixels have a gradient",
        "every image has a gradient",
    ):
        assert verdicts[name] == "warn", name


def test_a_network_cut_off_from_its_input_has_no_gradient(network: torch.nn.Module, data: Data) -> None:
    class Binary(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return network((x > 0.5).float())

    assert zero_gradients(TorchTarget(Binary(), None), *data) == (1.0, 1.0)


def _batch(name: str, fooled: int, images: int = 20, **details: object) -> AdversarialBatch:
    success = np.arange(20)[:images] < fooled
    x = np.zeros((images, 1, 2, 2), np.uint8)
    return AdversarialBatch(x, success, np.ones(images, np.int64), name, "torch", 0.1, 0, details)


def _good() -> list[AdversarialBatch]:
    return [
        _batch("fgsm", 5, backward="clipped"),
        _batch("pgd", 10, backward="clipped"),
        _batch("pgd", 10, backward="identity"),
        _batch("pgd-margin", 10, backward="clipped"),
        _batch("transfer", 3, source="float"),
        _batch("uniform", 1),
        _batch("square", 8, images=12),
    ]


FULL, FEW = _batch("pgd", 20, backward="clipped"), ZeroGradients(0.1, 0.0)
SETTLED = (0.5, 0.46)


def test_nothing_is_wrong_with_the_base_case() -> None:
    result = audit(_good(), FULL, FEW, SETTLED, "clipped")
    assert set(_verdicts(result).values()) == {"pass"} and len(result["checks"]) == 10
    texts = [text for check in result["checks"] for text in (check["value"], check["why"])]
    assert all(texts)


@pytest.mark.parametrize(
    ("index", "fooled", "warned", "value"),
    [
        (0, 11, "single step not stronger than iterative", "0.450 < 0.500"),
        (5, 11, "noise not stronger than iterative", "0.450 < 0.500"),
        (4, 11, "transfer from float not stronger than iterative", "0.450 < 0.500"),
        (2, 12, "backward passes agree", "clipped 0.500, strongest other identity 0.400"),
        (3, 12, "size of the logits does not hide the gradient", "margin 0.400, cross entropy 0.500"),
        (6, 11, "gradient-free not stronger than white-box", "0.083 < 0.167, 1 images only by square"),
    ],
)
def test_each_check_warns_alone(index: int, fooled: int, warned: str, value: str) -> None:
    batches = _good()
    batches[index] = dataclasses.replace(batches[index], success=np.arange(len(batches[index].success)) < fooled)
    result = audit(batches, FULL, FEW, SETTLED, "clipped")
    assert [name for name, verdict in _verdicts(result).items() if verdict == "warn"] == [warned]
    assert next(check["value"] for check in result["checks"] if check["name"] == warned) == value


def test_unbounded_restarts_and_zero_gradients_warn() -> None:
    result = audit(_good(), dataclasses.replace(FULL, success=np.arange(20) < 19, epsilon=1.0), FEW, SETTLED, "clipped")
    assert _verdicts(result)["unbounded attack reaches zero"] == "warn"
    result = audit(_good(), FULL, FEW, (0.5, 0.44), "clipped")
    assert [name for name, verdict in _verdicts(result).items() if verdict == "warn"] == ["more restarts change little"]
    result = audit(_good(), FULL, ZeroGradients(0.6, 0.1), SETTLED, "clipped")
    assert [name for name, verdict in _verdicts(result).items() if verdict == "warn"] == [
        "most pixels have a gradient",
        "every image has a gradient",
    ]


def test_a_missing_attack_is_named() -> None:
    with pytest.raises(FlowError, match="audit: expected an attack square, got fgsm, pgd"):
        audit(_good()[:6], FULL, FEW, SETTLED, "clipped")
