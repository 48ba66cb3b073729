"""Brevitas' own chain of operations is the definition; the fused step is compared with it."""

from __future__ import annotations

import copy

import pytest
import torch
from brevitas.core.quant import IntQuant
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from torch import Tensor, nn

from brevitas_models.config import Scale
from brevitas_models.quantizers.fused import FusedIntQuant
from brevitas_models.quantizers.uniform import UniformIdentity, UniformReLU, weight_quantizer

CASES = [(UniformReLU, bits) for bits in range(1, 9)] + [(UniformIdentity, bits) for bits in range(2, 9)]


def unfused(module: nn.Module) -> nn.Module:
    """A copy in which Brevitas rounds; its activations are called by `definition`."""
    copied = copy.deepcopy(module)
    for part in copied.modules():
        own = getattr(part, "int_quant", None)
        if isinstance(own, FusedIntQuant):
            options = (own.input_view_impl, own.float_to_int_impl, own.tensor_clamp_impl)
            part.int_quant = IntQuant(own.narrow_range, own.signed, *options)
    return copied


def definition(activation: nn.Module, x: Tensor) -> Tensor:
    base = QuantReLU if isinstance(activation, UniformReLU) else QuantIdentity
    return base.forward(activation, x)


def inputs(step: float, seed: int) -> tuple[Tensor, Tensor]:
    """Random ones, every multiple of half a step (ties and levels) on both sides of the range and its neighbours, very
    large and very small ones; and a gradient for each. No subnormal ones, whose quotient may be 0."""
    generator = torch.Generator().manual_seed(seed)
    ties = torch.arange(-300, 600) * (step / 2)
    around = [torch.nextafter(ties, torch.full_like(ties, end)) for end in (-torch.inf, torch.inf)]
    near = torch.cat(around)
    extremes = torch.tensor([1e30, -1e30, 1e-30, -1e-30])
    x = torch.cat([torch.randn(5000, generator=generator) * 2, ties, near[near.abs() > 1e-30], extremes])
    return x, torch.where(x.abs() > 1e29, 0.0, torch.randn(x.shape, generator=generator))


def answers(activation: nn.Module, call, x: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y = call(x)
    y.backward(upstream)
    (scale,) = activation.parameters()
    return y.detach(), x.grad, scale.grad


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize(("kind", "bits"), CASES)
@pytest.mark.parametrize("learned", [1.5, 0.3])
def test_levels_and_gradients_are_those_of_brevitas(kind, bits: int, scale: Scale, learned: float) -> None:
    ours = kind(bits, scale)
    (value,) = ours.parameters()
    value.data.fill_(learned)
    theirs = unfused(ours)
    x, upstream = inputs(ours.levels.step, bits)
    y, to_x, to_scale = answers(ours, ours, x, upstream)
    y0, to_x0, to_scale0 = answers(theirs, lambda values: definition(theirs, values), x, upstream)
    assert torch.equal(y, y0)
    if scale is Scale.POWER_OF_TWO:
        assert torch.equal(to_x, to_x0) and torch.equal(to_scale, to_scale0)
    else:
        assert torch.equal(to_x == 0, to_x0 == 0)
        torch.testing.assert_close(to_x, to_x0, rtol=1e-6, atol=0)
        torch.testing.assert_close(to_scale, to_scale0, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_and_their_gradients_are_those_of_brevitas(bits: int, scale: Scale) -> None:
    torch.manual_seed(bits)
    ours = QuantLinear(20, 30, bias=False, weight_quant=weight_quantizer(bits, scale, 30, 20))
    theirs, upstream = unfused(ours), torch.randn(30, 20)
    for linear in (ours, theirs):
        linear.quant_weight().value.backward(upstream)
    assert torch.equal(ours.quant_weight().value, theirs.quant_weight().value)
    torch.testing.assert_close(
        ours.weight.grad, theirs.weight.grad, rtol=0 if scale is Scale.POWER_OF_TWO else 1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", [UniformReLU, UniformIdentity])
def test_a_gradients_gradient_is_that_of_brevitas(kind) -> None:
    torch.manual_seed(3)
    first, second, x = nn.Linear(6, 8), nn.Linear(8, 3), torch.randn(50, 6, requires_grad=True)
    ours = kind(3, Scale.POWER_OF_TWO)
    theirs = unfused(ours)

    def penalty_gradients(activation: nn.Module, call) -> list[Tensor]:
        (gradient,) = torch.autograd.grad(second(call(first(x))).square().sum(), x, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), [first.weight, second.weight, *activation.parameters()])

    expected = penalty_gradients(theirs, lambda values: definition(theirs, values))
    for mine, other in zip(penalty_gradients(ours, ours), expected, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)


def test_what_is_not_finite_stays_visible() -> None:
    y = UniformReLU(4, Scale.FLOAT)(torch.tensor([torch.nan, torch.inf, -torch.inf]))
    assert y[0].isnan() and y[1] == y[1:].max() > 0 and y[2] == 0
