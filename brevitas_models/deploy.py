"""The network as it is shipped: batch norm made affine, and every float32 operation free of rounding."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor, nn

from brevitas_models.config import Activation, Scale
from brevitas_models.errors import ModelError
from brevitas_models.networks.build import build
from brevitas_models.networks.ensemble import Ensemble
from brevitas_models.networks.frozen import freeze
from brevitas_models.networks.layer import Layer
from brevitas_models.networks.network import Network
from brevitas_models.networks.residual import Residual
from brevitas_models.quantizers.levels import Levels
from brevitas_models.quantizers.stochastic import Noise, QuantSQ

MANTISSA = 24  # bits of a float32 significand: integers up to 2**24 are exact
MIN_BITS = 6  # significant bits that a factor keeps at least
MEMBER_SEEDS = 256  # more than a member has layers
SEEDS = 4096  # more than an ensemble has layers


class Affine(nn.Module):
    """Per-channel `factor * y + offset` (float32 (C,)) on (N, C, ...); one multiplication, then one addition."""

    def __init__(self, factor: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor.float())
        self.register_buffer("offset", offset.float())

    def forward(self, y: Tensor) -> Tensor:
        shape = (-1,) + (1,) * (y.ndim - 2)
        return y * self.factor.view(shape) + self.offset.view(shape)


def fold(norm: nn.modules.batchnorm._BatchNorm) -> tuple[Tensor, Tensor]:
    """A batch norm in eval mode as float64 (factor, offset), each (C,)."""
    factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return factor.detach(), (norm.bias.double() - norm.running_mean.double() * factor).detach()


def integer_weight(linear: nn.Module) -> tuple[Tensor, float]:
    """Quantized weights of a layer as (int64 of the weight's shape, scale): weight = integers * scale.

    Raises ModelError if they are no integers times one scale.
    """
    quantized = linear.quant_weight()
    scale = quantized.scale.detach().reshape(-1)
    if scale.numel() != 1:
        raise ModelError(f"weights: expected one scale per tensor, got {scale.numel()}")
    value = quantized.value.detach()
    integers = torch.round(value.double() / scale.double())
    if not torch.equal((integers.float() * scale).reshape(value.shape), value):
        raise ModelError("weights: expected integers times the scale, got something between; the quantizer is off")
    return integers.long(), scale.item()


def exact_affine(factor: Tensor, offset: Tensor, bound: Tensor, unit: float) -> tuple[Tensor, Tensor, bool]:
    """Rounds factor and offset, float64 (C,), so that `factor * y + offset` is exact in float32.

    y: integer multiples of `unit` (a power of two), |y| <= bound * unit, `bound` int64 (C,). With bound < 2**B a
    factor of 24 - B - 1 significant bits makes the product exact; the offset is rounded to the product's grid, and
    both grids are made coarser together until the largest sum fits 2**24 of its units (a channel whose offset dwarfs
    its product: the product then matters less). Factors keep MIN_BITS bits at first. Returns the rounded pair and
    whether all is exact, which fails only where y itself is not.
    """
    exact = bool((bound < 2**MANTISSA).all())
    width = torch.tensor([int(b).bit_length() for b in bound], dtype=torch.float64)
    bits = (MANTISSA - 1 - width).clamp_min(MIN_BITS)
    exponent = torch.floor(torch.log2(factor.abs().clamp_min(1e-30))) + 1 - bits
    while True:
        grid = torch.exp2(exponent)
        integer, shift = torch.round(factor / grid), torch.round(offset / (grid * unit))
        too_large = integer.abs() * bound + shift.abs() >= 2**MANTISSA
        if not exact or not too_large.any():
            return integer * grid, shift * grid * unit, exact
        exponent = exponent + too_large.double()


def _is_power_of_two(value: float) -> bool:
    return torch.frexp(torch.tensor(value, dtype=torch.float64)).mantissa.item() == 0.5


def noise_spread(step: float, factor: Tensor, unit: float, bound: Tensor) -> Tensor:
    """Values that the integer noise of stochastic rounding has on sums of a layer, int64 (C,): the distance of two
    thresholds `step` apart behind `factor` (C,), in units of the sums, at most twice their `bound` (C,)."""
    distance = step / (factor.abs() * unit).clamp_min(1e-30)
    return torch.minimum(torch.round(distance).clamp_max(2.0**62).long(), 2 * bound).clamp_min(1)


def _deploy_branch(layers: list[Layer], incoming: Levels | None, exact: bool, seeds: Iterator[int]) -> bool:
    """Replaces the batch norm of consecutive layers, the first of which sees `incoming`, and the noise of stochastic
    quantizers by the circuit's; whether all stays exact."""
    for layer in layers:
        factor, offset = fold(layer.norm)
        noisy, seed, reach = isinstance(layer.activation, QuantSQ), next(seeds), 0
        if exact:
            weight, scale = integer_weight(layer.linear)
            unit = scale * incoming.unit
            if not _is_power_of_two(unit):
                raise ModelError(f"deploy: expected power-of-two scales, got a unit of {unit}")
            bound = weight.abs().flatten(1).sum(1) * incoming.magnitude
            step = scale * incoming.step  # what two sums differ by at least: the circuit counts from the lowest level
            if noisy:
                spread = noise_spread(layer.activation.levels.step, factor, step, bound)
                reach = spread * round(step / unit)
            factor, offset, exact = exact_affine(factor, offset, bound + reach, unit)
            if noisy:
                layer.activation.quantizer.noise = Noise(spread, (factor.abs() * step).float(), seed)
        layer.norm = Affine(factor, offset)
        incoming = None if incoming is None else layer.after(incoming)
    return exact


@torch.no_grad()
def deploy(network: Network | Ensemble, seed: int = 0) -> Network | Ensemble:
    """The shipped twin of a trained network: a new one, in eval mode, each batch norm replaced by an `Affine`.

    With power-of-two scales its `exact` is True unless a sum needs more than 24 bits: weights, activations,
    products, sums and affine results are then multiples of powers of two that fit a float32, so that every order of
    summation and every engine gives the same bits. With other scales, or for the float twin, the affine is the
    folded batch norm in float32 and `exact` is False. Quantizers keep their gradients: attacks go through this twin.
    Stochastic quantizers of an exact network get the circuit's integer noise, `seed` (0 to 2**32 - 1) the generators'.
    """
    if isinstance(network, Ensemble):
        return _deploy_ensemble(network, seed)
    return _deploy_network(network, count(SEEDS * seed))


def _deploy_ensemble(network: Ensemble, seed: int) -> Ensemble:
    """Of every member; the sum of their logits is exact where it fits 24 bits of the finest member's unit."""
    members = [
        _deploy_network(member, count(SEEDS * seed + MEMBER_SEEDS * index))
        for index, member in enumerate(network.members)
    ]
    twin = Ensemble(members, network.recipe).eval()
    twin.exact = all(member.exact for member in members)
    if twin.exact:
        largest, units = zip(*(_largest_logit(member) for member in members), strict=True)
        twin.exact = sum(largest) / min(units) < 2**MANTISSA
    return twin


def _largest_logit(network: Network) -> tuple[float, float]:
    """Bound of a network's logits, and what they are multiples of."""
    weight, scale = integer_weight(network.last)
    unit = scale * network.last_levels.unit
    return int(weight.abs().sum(1).max()) * network.last_levels.magnitude * unit, unit


def _deploy_network(network: Network, seeds: Iterator[int]) -> Network:
    _, quant, _, _ = network.recipe
    with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away; leave the generator alone
        twin = build(*network.recipe)
    for name, tensor in twin.state_dict().items():
        tensor.copy_(network.state_dict()[name])
    twin.eval().requires_grad_(False)
    floating = quant.activation is Activation.FLOAT
    twin.exact = quant.scale is Scale.POWER_OF_TWO and not floating
    incoming: Levels | None = None if floating else twin.input_levels
    for block in twin.blocks:
        if isinstance(block, Residual):
            fits = _deploy_branch(list(block.body), incoming, twin.exact, seeds)
            fits &= block.shortcut is None or _deploy_branch([block.shortcut], incoming, twin.exact, seeds)
            twin.exact &= fits and block.sum_magnitude(incoming)[0] < 2**MANTISSA
        else:
            twin.exact &= _deploy_branch(block.layers, incoming, twin.exact, seeds)
        incoming = None if floating else block.after(incoming)
    if twin.exact:
        weight, _ = integer_weight(twin.last)
        twin.exact = int(weight.abs().sum(1).max()) * incoming.magnitude < 2**MANTISSA
    freeze(twin.linears)
    return twin.eval()
