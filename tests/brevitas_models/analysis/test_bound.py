"""The composed bound: equal to the SVD where there is one layer, and never exceeded."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from brevitas_models.analysis.amplification import amplification
from brevitas_models.analysis.bound import bound, linear_factor, slope
from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig, Scale
from brevitas_models.networks.build import build
from brevitas_models.quantizers.dqa import QuantDQA

SMALL = NetworkConfig(channels=(3, 4), kernel=3, padding=1, pools=(2, 1), hidden=(8,))
RESNET = NetworkConfig(architecture=Architecture.RESNET8, channels=(4, 6, 8), kernel=3, padding=1, pools=(), hidden=())


def network(config: NetworkConfig, activation: Activation = Activation.FLOAT, bits: int = 4):
    torch.manual_seed(3)
    built = build(config, QuantConfig(activation, 4, bits), (1, 8, 8), 10)
    for layer in built.layers:  # as after some training
        layer.norm.weight.data.uniform_(0.5, 2.0)
        layer.norm.running_var.uniform_(0.5, 2.0)
    return built.eval()


def test_a_linear_layer_has_its_largest_singular_value() -> None:
    linear = nn.Linear(6, 4, bias=False)
    assert linear_factor(linear) == pytest.approx(torch.linalg.svdvals(linear.weight.double())[0].item())


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (2, 2), (5, 3)])
def test_a_convolution_is_bounded_by_its_true_operator(kernel: int, stride: int) -> None:
    torch.manual_seed(kernel)
    conv = nn.Conv2d(2, 3, kernel, stride, padding=kernel // 2, bias=False)
    eye = torch.eye(2 * 49).view(-1, 2, 7, 7)
    operator = conv(eye).flatten(1).double().detach()
    true = torch.linalg.matrix_norm(operator, ord=2).item()
    assert true <= linear_factor(conv) * (1 + 1e-6)
    if stride >= kernel:
        assert linear_factor(conv) == pytest.approx(true)


@pytest.mark.parametrize("config", [SMALL, RESNET], ids=["lenet5", "resnet8"])
def test_no_two_pictures_exceed_it(config: NetworkConfig) -> None:
    net = network(config)
    limit = bound(net)
    torch.manual_seed(0)
    for size in (1e-3, 0.1, 1.0):
        one = torch.rand(64, 1, 8, 8)
        other = (one + size * torch.randn_like(one)).clamp(0, 1)
        # what comes in is what the input grid leaves of a picture
        apart = (net.grid(other) - net.grid(one)).flatten(1).double().norm(dim=1)
        moved = (net(other) - net(one)).double().norm(dim=1)
        assert (moved <= limit.product * apart * (1 + 1e-5) + 1e-9).all()


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_dqa_moves_by_its_slope_and_one_step_at_most(bits: int, scale: Scale) -> None:
    quantizer = QuantDQA(bits, scale, dynamic=True)
    one, other = torch.randn(2, 5000) * 2
    moved = (quantizer(one) - quantizer(other)).abs()
    assert (moved <= slope(quantizer) * (one - other).abs() + quantizer.levels.step + 1e-6).all()


def test_one_threshold_has_no_slope() -> None:
    assert bound(network(SMALL, Activation.DQA_DYNAMIC, 1)).product is None


def test_amplification_of_a_known_change() -> None:
    net = network(SMALL)
    clean = torch.full((2, 1, 8, 8), 128 / 255)
    same = amplification(net, clean, clean)
    assert same == [0.0] * (len(net.blocks) + 2)
    brighter = amplification(net, clean, clean * 160 / 128)
    assert brighter[0] == pytest.approx(0.25)
    assert all(math.isfinite(value) and value > 0 for value in brighter)
