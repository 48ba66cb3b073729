"""The PyTorch twin: exact scores for powers of two, honest ones otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flows.errors import FlowError
from flows.targets.target import Target
from flows.targets.torch_target import TorchTarget, to_pixels


class Scaled(torch.nn.Module):
    """logits = scale * (weights @ codes + 3), from pixels in [0, 1]."""

    def __init__(self, scale: float, odd: float = 0.0) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.weights = torch.from_numpy(rng.integers(-7, 8, (4, 12)).astype(np.float32))
        self.scale, self.odd = scale, odd

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (torch.round(255 * x).flatten(1) @ self.weights.T + 3 + self.odd) * self.scale


def _images(n: int = 7) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (n, 3, 2, 2), dtype=np.uint8)


def _scores(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.int64) @ Scaled(1).weights.numpy().astype(np.int64).T + 3


@pytest.mark.parametrize("scale", [2.0**-9, 1.0, 0.3, 1e-4])
def test_scores_are_whole(scale: float) -> None:
    target = TorchTarget(Scaled(scale), scale, batch=3)
    scores = target.predict(_images())
    assert scores.dtype == np.int64 and np.array_equal(scores, _scores(_images()))
    assert target.queries == 7 and target.name == "torch" and isinstance(target, Target)


def test_a_power_of_two_allows_no_rounding() -> None:
    with pytest.raises(FlowError, match=r"expected logits that are whole multiples of logit_scale=0.0625, got"):
        TorchTarget(Scaled(0.0625, odd=2.0**-6), 0.0625).predict(_images())


def test_a_wrong_float_scale_is_noticed() -> None:
    with pytest.raises(FlowError, match="give the scale that deployment computed"):
        TorchTarget(Scaled(0.3), 0.37).predict(_images())


def test_a_float_network_counts_parts_of_a_logit() -> None:
    target = TorchTarget(Scaled(2.0**-20), None)
    assert np.array_equal(target.predict(_images()), np.rint(_scores(_images()) / 16).astype(np.int64))


def test_every_code_arrives_as_code_over_255() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(torch.round(255 * to_pixels(codes)).numpy(), codes)
    assert to_pixels(codes).dtype == torch.float32 and float(to_pixels(codes).max()) == 1


def test_it_is_evaluated_not_trained() -> None:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.9), torch.nn.Linear(12, 3)).train()
    target = TorchTarget(module, None)
    assert not module.training and np.array_equal(target.predict(_images()), target.predict(_images()))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_are_checked(scale: float) -> None:
    with pytest.raises(FlowError, match="expected a positive logit_scale, or None"):
        TorchTarget(Scaled(1), scale)


def test_infinite_logits_are_refused() -> None:
    with pytest.raises(FlowError, match="expected finite logits, got inf or nan"):
        TorchTarget(Scaled(float("inf")), None).predict(_images())


def test_no_images_give_no_scores() -> None:
    assert TorchTarget(Scaled(1), 1.0).predict(_images(0)).shape == (0, 4)
