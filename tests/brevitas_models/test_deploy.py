from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, NetworkConfig, QuantConfig, Scale
from brevitas_models.deploy import deploy, exact_affine, fold, integer_weight
from brevitas_models.networks import build
from brevitas_models.quantizers.backward import backward_pass

SHAPE = (1, 8, 8)
QUANTS = [
    QuantConfig(),
    QuantConfig(Activation.DQA_FIXED, 1, 1),
    QuantConfig(Activation.RELU, 8, (1, 4, 8)),
    QuantConfig(Activation.DQA_DYNAMIC, (8, 1, 2, 3), (5, 4, 3)),
]


def test_fold_is_the_batch_norm() -> None:
    norm = torch.nn.BatchNorm1d(3).double().eval()
    norm.weight.data, norm.bias.data = torch.tensor([1.0, -2.0, 0.0]).double(), torch.tensor([0.5, 0.0, 3.0]).double()
    norm.running_mean, norm.running_var = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([4.0, 0.0, 1.0]).double()
    factor, offset = fold(norm)
    y = torch.randn(5, 3, dtype=torch.float64)
    assert torch.allclose(factor * y + offset, norm(y), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_rounded_affines_never_round_again(seed: int) -> None:
    """Every product and sum, checked in rational arithmetic against float32, also where offsets dwarf factors."""
    random = np.random.default_rng(seed)
    channels, unit = 6, 2.0 ** -int(random.integers(0, 12))
    factor = random.normal(size=channels) * 10.0 ** random.uniform(-6, 3, channels)
    offset = random.normal(size=channels) * 10.0 ** random.uniform(-6, 4, channels)
    factor[0] = 0.0
    bound = random.integers(0, 2 ** int(random.integers(1, 24)), channels)
    a, b, exact = exact_affine(*map(torch.from_numpy, (factor, offset, bound)), unit)
    assert exact
    for channel in range(channels):
        limit = int(bound[channel])
        for y in {0, limit, -limit, *random.integers(-limit, limit + 1, 30).tolist()}:
            a32, b32, y32 = (np.float32(v) for v in (a[channel].item(), b[channel].item(), y * unit))
            truth = Fraction(a[channel].item()) * Fraction(y) * Fraction(unit) + Fraction(b[channel].item())
            assert Fraction(float(a32 * y32 + b32)) == truth
        size = abs(factor[channel]) * limit * unit * 4 + abs(offset[channel]) + 1e-20
        assert abs(b[channel].item() - offset[channel]) <= 2.0**-20 * size


def test_factors_keep_their_bits() -> None:
    # 255 * 8 < 2**11 leaves 24 - 11 - 1 = 12 bits.
    factor, bound = torch.tensor([1 / 3], dtype=torch.float64), torch.tensor([255 * 8])
    a, _, exact = exact_affine(factor, torch.zeros(1, dtype=torch.float64), bound, 2.0**-8)
    assert exact and abs(a.item() * 3 - 1) < 2**-12
    _, _, exact = exact_affine(factor, torch.zeros(1, dtype=torch.float64), torch.tensor([2**24]), 1.0)
    assert not exact


@pytest.mark.parametrize("quant", QUANTS)
def test_every_value_is_exact_in_float32(quant: QuantConfig, lenet: NetworkConfig, digits, settle) -> None:
    """float32 against float64, which has 29 bits to spare: a single rounding anywhere would show."""
    network = deploy(settle(build(lenet, quant, SHAPE, 10), digits))
    assert network.exact and not network.training
    seen: dict[str, list[torch.Tensor]] = {"32": [], "64": []}
    x = torch.from_numpy(digits.test_x[:100]).float() / 255
    for precision in seen:
        hooks = [
            layer.norm.register_forward_hook(lambda m, i, o, p=precision: seen[p].extend([i[0].double(), o.double()]))
            for layer in network.layers
        ]
        with torch.no_grad():
            values = network.grid(x)
            if precision == "64":
                network.double()
                for linear in network.linears:
                    linear.frozen = linear.frozen.double()
            seen[precision].append(network.logits(values.double() if precision == "64" else values).double())
        for hook in hooks:
            hook.remove()
    assert len(seen["32"]) == len(seen["64"]) == 7
    assert all(torch.equal(a, b) for a, b in zip(seen["32"], seen["64"], strict=True))


@pytest.mark.parametrize("quant", QUANTS)
def test_the_order_of_summation_does_not_matter(quant: QuantConfig, mlp: NetworkConfig, digits, settle) -> None:
    if isinstance(quant.weight_bits, tuple) or isinstance(quant.activation_bits, tuple):
        quant = QuantConfig(quant.activation, 8, 4)
    network = deploy(settle(build(mlp, quant, SHAPE, 10), digits))
    x = network.grid(torch.from_numpy(digits.test_x[:50]).float() / 255).flatten(1)
    for layer in network.layers:
        weight = layer.linear.frozen
        expected = x @ weight.T
        backwards = torch.zeros_like(expected)
        for column in reversed(range(x.shape[1])):
            backwards = backwards + x[:, column : column + 1] * weight[:, column]
        assert torch.equal(expected, backwards)
        x = layer(x)


def test_it_is_close_to_what_was_trained(lenet: NetworkConfig, digits, settle) -> None:
    torch.manual_seed(5)
    for activation in (Activation.FLOAT, Activation.RELU):
        network = settle(build(lenet, QuantConfig(activation, 8, 8), SHAPE, 10), digits)
        x = torch.from_numpy(digits.test_x).float() / 255
        with torch.no_grad():
            trained, shipped = network(x), deploy(network)(x)
        allowed = 1e-4 if activation is Activation.FLOAT else 0.15
        assert (trained - shipped).abs().max() < allowed * trained.abs().max()
        assert (trained.argmax(1) == shipped.argmax(1)).float().mean() > 0.97


def test_float_scales_and_float_twins_are_not_called_exact(mlp: NetworkConfig) -> None:
    assert not deploy(build(mlp, QuantConfig(scale=Scale.FLOAT), SHAPE, 10)).exact
    assert not deploy(build(mlp, QuantConfig(Activation.FLOAT), SHAPE, 10)).exact


def test_the_trained_network_and_the_generator_stay_as_they_are(lenet, digits, settle, state_of) -> None:
    network = settle(build(lenet, QuantConfig(), SHAPE, 10), digits).train()
    before, generator = state_of(network), torch.get_rng_state()
    twin = deploy(network)
    assert network.training and torch.equal(generator, torch.get_rng_state())
    assert all(np.array_equal(before[name], value) for name, value in state_of(network).items())
    assert not any(p.requires_grad for p in twin.parameters())
    shared = {p.data_ptr() for p in network.parameters()} & {p.data_ptr() for p in twin.parameters()}
    assert not shared - {0}


def test_gradients_reach_the_pixels_of_the_twin(lenet: NetworkConfig, digits, settle) -> None:
    torch.manual_seed(0)
    twin = deploy(settle(build(lenet, QuantConfig(), SHAPE, 10), digits))
    gradients = {}
    for mode in ("clipped", "identity", "tanh", "staircase"):
        x = (torch.from_numpy(digits.test_x[:20]).float() / 255).requires_grad_(True)
        with backward_pass(twin, mode):
            torch.nn.functional.cross_entropy(twin(x), torch.from_numpy(digits.test_y[:20])).backward()
        gradients[mode] = x.grad
        assert x.grad.isfinite().all() and (x.grad.flatten(1).abs().sum(1) > 0).float().mean() > 0.9
    assert not torch.equal(gradients["clipped"], gradients["identity"])
    assert not torch.equal(gradients["tanh"], gradients["staircase"])


def test_integer_weights_are_the_quantized_ones(lenet: NetworkConfig) -> None:
    for linear in build(lenet, QuantConfig(weight_bits=3, scale=Scale.FLOAT), SHAPE, 10).linears:
        integers, scale = integer_weight(linear)
        assert torch.equal(integers.float() * np.float32(scale), linear.quant_weight().value)
        assert integers.abs().max() == 3
