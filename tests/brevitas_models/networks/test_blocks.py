"""Residual and depthwise-separable networks: structure, exactness of what is deployed and exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from brevitas_models.checkpoint import load_network, save_network
from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig
from brevitas_models.defences import lipschitz
from brevitas_models.deploy import deploy
from brevitas_models.errors import ModelError
from brevitas_models.export import export
from brevitas_models.networks import build
from brevitas_models.networks.pooling import GlobalSum
from brevitas_models.quantizers.levels import Levels

RESNET = NetworkConfig(architecture=Architecture.RESNET8, channels=(4, 6, 8), hidden=())
DSCNN = NetworkConfig(architecture=Architecture.DSCNN, channels=(6, 6, 8), hidden=())
SHAPES = {Architecture.RESNET8: (3, 12, 10), Architecture.DSCNN: (1, 21, 12)}
both = pytest.mark.parametrize("config", [RESNET, DSCNN], ids=["resnet8", "dscnn"])


def trained(config: NetworkConfig, quant: QuantConfig, seed: int = 0):
    """A network whose batch norms have seen pictures and whose factors differ, some of them negative."""
    torch.manual_seed(seed)
    network = build(config, quant, SHAPES[config.architecture], 5)
    for layer in network.layers:
        nn.init.uniform_(layer.norm.weight, -1.5, 1.5)
        nn.init.uniform_(layer.norm.bias, -0.5, 0.5)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(32, *network.input_shape))
    return network.eval()


def images(config: NetworkConfig, count: int = 12) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *SHAPES[config.architecture]), dtype=np.uint8)


@both
@pytest.mark.parametrize("activation", Activation)
def test_every_parameter_learns(config: NetworkConfig, activation: Activation) -> None:
    network = build(config, QuantConfig(activation), SHAPES[config.architecture], 5)
    logits = network(torch.rand(7, *network.input_shape))
    assert logits.shape == (7, 5)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_resnet8_is_mlperf_tinys() -> None:
    config = NetworkConfig(architecture=Architecture.RESNET8, channels=(16, 32, 64), hidden=())
    network = build(config, QuantConfig(Activation.FLOAT), (3, 32, 32), 10)
    shapes = [tuple(linear.weight.shape) for linear in network.linears]
    assert shapes == [
        (16, 3, 3, 3),
        *[(16, 16, 3, 3)] * 2,
        *[(32, 16, 3, 3), (32, 32, 3, 3), (32, 16, 1, 1)],
        *[(64, 32, 3, 3), (64, 64, 3, 3), (64, 32, 1, 1)],
        (10, 64),
    ]
    assert sum(weight.numel() for weight in (linear.weight for linear in network.linears)) == 77_360


def test_dscnn_is_mlperf_tinys() -> None:
    config = NetworkConfig(architecture=Architecture.DSCNN, channels=(64,) * 5, hidden=())
    network = build(config, QuantConfig(Activation.FLOAT), (1, 49, 10), 12)
    shapes = [tuple(linear.weight.shape) for linear in network.linears]
    assert shapes == [(64, 1, 10, 4), *[(64, 1, 3, 3), (64, 64, 1, 1)] * 4, (12, 64)]
    assert network.blocks[-1].elements == 25 * 5


@both
@pytest.mark.parametrize(
    "quant",
    [QuantConfig(), QuantConfig(Activation.DQA_FIXED, 1, 1), QuantConfig(Activation.RELU, 3, 4)],
    ids=["dqa", "bipolar", "relu"],
)
def test_deployed_networks_are_exact_and_export(config: NetworkConfig, quant: QuantConfig, tmp_path: Path) -> None:
    network = deploy(trained(config, quant))
    assert network.exact
    codes = images(config)
    record = export(network, network.input_shape, tmp_path, codes)
    assert record["exact"] and record["graph_differs"] == record["logits_rounded"] == 0
    x = torch.from_numpy(codes).float() / 255
    with torch.no_grad():
        single = network(x)
        values = network.grid(x).double()
        for linear in network.double().linears:
            linear.frozen = linear.frozen.double()
        assert torch.equal(network.logits(values), single.double()), "a float32 operation rounded"


@both
def test_deploying_changes_little(config: NetworkConfig) -> None:
    network = trained(config, QuantConfig(Activation.FLOAT))
    x = torch.from_numpy(images(config)).float() / 255
    with torch.no_grad():
        before, after = network(x), deploy(network)(x)
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-4 * before.abs().max().item())


@both
def test_checkpoints_and_the_lipschitz_penalty(config: NetworkConfig, tmp_path: Path) -> None:
    network = trained(config, QuantConfig())
    save_network(network, tmp_path / "network.safetensors")
    again = load_network(tmp_path / "network.safetensors")
    x = torch.rand(4, *network.input_shape)
    with torch.no_grad():
        assert torch.equal(network(x), again(x))
    assert len(lipschitz.spectral_norms(network)) == len(network.linears)
    lipschitz.penalty(network, 1e-3).backward()
    assert all(linear.weight.grad is not None for linear in network.linears)


def test_the_penalty_of_a_depthwise_layer_takes_each_channel_alone() -> None:
    layer = nn.Conv2d(3, 3, 3, groups=3, bias=False)
    nn.init.zeros_(layer.weight)
    layer.weight.data[:, 0, 1, 1] = torch.tensor([1.0, 2.0, 0.5])
    assert lipschitz.layer_penalty(layer).item() == pytest.approx((1 - 1) ** 2 + (4 - 1) ** 2 + (0.25 - 1) ** 2)


def test_the_global_sum_keeps_levels() -> None:
    pool = GlobalSum(5, 3)
    assert pool.factor == 2.0**-4
    levels = pool.after(Levels(0.5, -0.75, 3))
    assert levels == Levels(0.5 / 16, -0.75 * 15 / 16, 45)
    x = torch.tensor([-0.75, 0.75])[torch.randint(0, 2, (4, 2, 5, 3))]
    counts = (pool(x) - levels.lowest) / levels.step
    assert torch.equal(counts, counts.round()) and counts.min() >= 0 and counts.max() <= levels.top


def test_the_border_of_a_dqa_is_its_lowest_level() -> None:
    network = build(RESNET, QuantConfig(), SHAPES[Architecture.RESNET8], 5)
    fills = [layer.fill for layer in network.layers if layer.border != (0, 0, 0, 0)]
    assert fills == [0.0] + [-0.75] * 6
    relu = build(RESNET, QuantConfig(Activation.RELU), SHAPES[Architecture.RESNET8], 5)
    assert {layer.fill for layer in relu.layers} == {0.0}


def test_small_pictures_are_refused() -> None:
    with pytest.raises(ModelError, match="3 blocks leave 1x1"):
        build(RESNET, QuantConfig(), (3, 4, 4), 5)
    with pytest.raises(ModelError, match=r"at least \(10, 4\), got 8x8"):
        build(DSCNN, QuantConfig(), (1, 8, 8), 5)
