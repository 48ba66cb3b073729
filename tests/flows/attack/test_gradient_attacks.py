"""FGSM and PGD: against ART on the same network, and through quantizers that hide their gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentNumpy
from art.estimators.classification import PyTorchClassifier

from brevitas_models.quantizers.backward import SelectableBackward, backward_pass, slope
from flows.attack.common import labels
from flows.attack.fgsm import Fgsm
from flows.attack.gradients import zero_gradients
from flows.attack.pgd import Pgd
from flows.attack.white_box import backward_modes, loss_and_gradient
from flows.targets.torch_target import TorchTarget

Data = tuple[np.ndarray, np.ndarray]


def _art(network: torch.nn.Module) -> PyTorchClassifier:
    return PyTorchClassifier(
        network, torch.nn.CrossEntropyLoss(), (1, 8, 8), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )


@pytest.mark.parametrize("codes", [8, 25])
def test_fgsm_finds_the_images_of_art(network: torch.nn.Module, target: TorchTarget, data: Data, codes: int) -> None:
    x, y = data
    ours = Fgsm()(target, x, y, codes / 255)
    art = FastGradientMethod(_art(network), eps=codes / 255).generate((x / np.float32(255)).astype(np.float32), y)
    on_grid = np.rint(art * 255).astype(np.uint8)
    assert np.array_equal(ours.success, labels(target, on_grid) != y)
    right = labels(target, x) == y
    assert np.array_equal(ours.images[ours.success & right], on_grid[ours.success & right])
    assert 0 < ours.success.sum() < len(x) or codes > 8


def test_pgd_is_as_strong_as_that_of_art(network: torch.nn.Module, target: TorchTarget, data: Data) -> None:
    x, y = data
    epsilon = 8 / 255
    ours = Pgd(steps=20, restarts=2, step_size=2 / 255)(target, x, y, epsilon)
    attack = ProjectedGradientDescentNumpy(
        _art(network), eps=epsilon, eps_step=2 / 255, max_iter=20, num_random_init=2, verbose=False
    )
    art = attack.generate((x / np.float32(255)).astype(np.float32), y)
    on_grid = np.clip(np.rint(art * 255), 0, 255).astype(np.uint8)
    theirs = labels(target, on_grid) != y
    assert 0.1 < theirs.mean() < 0.9  # a budget at which strength shows
    assert ours.success.sum() >= theirs.sum() - 2  # two different random starts of 100 images


def test_pgd_is_not_weaker_than_one_step_and_grows_with_the_budget(target: TorchTarget, data: Data) -> None:
    one = Fgsm()(target, *data, 0.05).success.sum()
    few, many, all_of_them = (Pgd(steps=20)(target, *data, e).success.sum() for e in (0.05, 0.15, 1.0))
    assert one <= few < many <= all_of_them == 100


def test_an_image_leaves_once_it_is_fooled(target: TorchTarget, data: Data) -> None:
    batch = Pgd(steps=30, restarts=3)(target, *data, 0.3)
    easy = batch.queries[batch.success]
    assert easy.min() == 2 or easy.min() == 3  # wrong anyway (asked, confirmed), or by its random start
    assert np.median(easy) < 15 and batch.queries.max() <= 1 + 3 * 31 + 1


def test_one_images_search_does_not_depend_on_the_others(target: TorchTarget, data: Data) -> None:
    x, y = data
    together = Pgd(steps=10, seed=4)(target, x, y, 0.1)
    alone = Pgd(steps=10, seed=4)(target, x[:1], y[:1], 0.1)
    assert np.array_equal(together.images[0], alone.images[0])


def test_the_gradient_is_that_of_the_loss(target: TorchTarget, data: Data) -> None:
    x, y = data[0][:2], data[1][:2]
    for loss in ("cross_entropy", "margin"):
        logits, gradient = loss_and_gradient(target, x, y, loss)
        pixels = torch.from_numpy(x / 255.0).requires_grad_()
        z = target.module.double()(pixels)
        target.module.float()
        others = z.masked_fill(torch.nn.functional.one_hot(torch.from_numpy(y), 10).bool(), -torch.inf)
        own = z[torch.arange(2), torch.from_numpy(y)]
        value = torch.logsumexp(z, 1) - own if loss == "cross_entropy" else others.max(1).values - own
        value.sum().backward()
        np.testing.assert_allclose(gradient, pixels.grad.numpy(), rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(logits, z.detach().numpy(), rtol=1e-4, atol=1e-4)


class Saturated(SelectableBackward):
    """Sign of inputs that all lie far outside the range in which `clipped` passes a gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Sign.apply(x * 1000, self.backward_mode)


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: torch.Tensor, mode: str) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.mode = mode
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradient * slope(x, torch.zeros(1), 2.0, -1.0, 1.0, ctx.mode), None


def test_another_backward_pass_opens_what_clipping_hides(masked: torch.nn.Sequential, data: Data) -> None:
    first, readout = masked
    target = TorchTarget(torch.nn.Sequential(first[0], first[1], Saturated(), readout), None)
    assert backward_modes(target) == ("clipped", "identity", "tanh", "staircase", "staircase-narrow")
    assert backward_modes(target, every=True) == (*backward_modes(target), "staircase-wide")
    clipped, identity = (Pgd(steps=10, backward=mode)(target, *data, 0.1) for mode in ("clipped", "identity"))
    assert zero_gradients(target, *data, backward="clipped").elements > 0.9
    assert zero_gradients(target, *data, backward="identity").images == 0
    assert clipped.details["zero_gradient_stops"] > 50 and identity.details["zero_gradient_stops"] == 0
    assert identity.success.sum() > clipped.success.sum() + 20
    assert target.module[2].backward_mode == "clipped"
    with backward_pass(target.module, "tanh"):  # an attack leaves a caller's choice as it was
        Fgsm(backward="identity")(target, *data, 0.1)
        assert target.module[2].backward_mode == "tanh"


def test_without_quantizers_there_is_one_backward_pass(target: TorchTarget) -> None:
    assert backward_modes(target) == ("clipped",)


def test_large_logits_stop_cross_entropy_but_not_the_margin(network: torch.nn.Module, data: Data) -> None:
    class Hot(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return network(x) * 1000

    target = TorchTarget(Hot(), None)
    assert zero_gradients(target, *data).images > 0.5
    assert zero_gradients(target, *data, loss="margin").images == 0
    entropy, margin = (
        Pgd(steps=10, loss=loss, random_start=False)(target, *data, 0.1) for loss in ("cross_entropy", "margin")
    )
    assert margin.success.sum() > entropy.success.sum() + 20
