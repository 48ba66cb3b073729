"""Networks that the compiler once got wrong or refused without need: one a test, found by `python -m tests.fuzz`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from flows.compile.compiler import compile_model
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.dataflow import Dataflow
from tests.flows.compile.qonnx_networks import QONNX, NetworkWriter
from tests.fuzz.check import check
from tests.fuzz.networks import Case

SHAPE = (2, 4, 3)


def full_range(net: NetworkWriter, rows: int, bits: int) -> None:
    """A linear layer whose weights take the most negative integer, which has no negative of its type."""
    low = -(2 ** (bits - 1))
    values = net.random.integers(low, -low, (rows, net.shape[0]))
    values[:, 0] = low
    from_float = [net.number(values * 0.25), net.number(0.25), net.number(0), net.number(bits)]
    options = {"narrow": 0, "signed": 1, "rounding_mode": "ROUND"}
    net.nodes.append(helper.make_node("Quant", from_float, ["full"], "full", domain=QONNX, **options))
    net.node("Gemm", "full", transB=1)
    net.shape = (rows,)


def image_into_linear(net: NetworkWriter) -> None:
    net.flatten()


def conv_1x1(net: NetworkWriter) -> None:
    net.conv(6, 1, 0, 4)
    net.dqa(2)
    net.conv(3, 1, 0, 4)
    net.dqa(2)
    net.flatten()


def one_channel_to_one(net: NetworkWriter) -> None:
    net.conv(1, 2, 0, 4)
    net.dqa(2)
    net.conv(1, 2, 0, 4)
    net.dqa(2)
    net.flatten()


def pool_of_one(net: NetworkWriter) -> None:
    net.conv(3, 2, 0, 4)
    net.dqa(2)
    net.pool(1)
    net.flatten()


def pool_of_the_image(net: NetworkWriter) -> None:
    net.pool(2)
    net.conv(3, 1, 0, 4)
    net.dqa(2)
    net.flatten()


def signed_codes_in_a_pool(net: NetworkWriter) -> None:
    net.conv(3, 2, 0, 4)
    operands = [net.number(v) for v in (0.0625, 0, 3)]
    net.node("Quant", *operands, domain=QONNX, narrow=0, signed=1, rounding_mode="ROUND")
    net.pool(2)
    net.flatten()


def negative_factor_of_full_range(net: NetworkWriter) -> None:
    net.flatten()
    full_range(net, 4, 3)
    net.node("Mul", net.number([-0.25, 0.5, -0.5, 0.25]))
    net.node("Add", net.number([0.5, -1, 2, 0]))
    net.dqa(2)


def negative_factor_behind_an_offset(net: NetworkWriter) -> None:
    net.conv(3, 2, 0, 4)
    net.node("Add", net.number(np.reshape([0.5, -0.25, 0.125], (3, 1, 1))))
    net.node("Mul", net.number(np.reshape([-1, 2, -0.5], (3, 1, 1))))
    net.dqa(3)
    net.flatten()


def negative_scalar(net: NetworkWriter) -> None:
    net.flatten()
    net.linear(5, 4)
    net.node("Add", net.number(0.5))
    net.node("Mul", net.number(-0.5))
    net.dqa(2)


def zero_factors_of_bipolar_weights(net: NetworkWriter) -> None:
    net.flatten()
    net.linear(4, 1)
    net.node("Mul", net.number([0, 1, 0, -0.5]))
    net.node("Add", net.number([0.25, 0, -1, 0]))
    net.dqa(2)


CORNERS: dict[str, Callable[[NetworkWriter], None]] = {
    "an image of channels, flattened": image_into_linear,
    "1x1 convolutions": conv_1x1,
    "one channel to one": one_channel_to_one,
    "a pool of one pixel": pool_of_one,
    "a pool of the image": pool_of_the_image,
    "signed codes in a pool": signed_codes_in_a_pool,
    "a negative factor of full-range weights": negative_factor_of_full_range,
    "a negative factor behind an offset": negative_factor_behind_an_offset,
    "a negative scalar": negative_scalar,
    "zero factors of bipolar weights": zero_factors_of_bipolar_weights,
}


def write(build: Callable[[NetworkWriter], None], path: Path) -> Path:
    net = NetworkWriter(SHAPE, 3)
    net.node("Mul", net.number(2.0**-8))
    build(net)
    net.linear(3, 4)
    return net.save(path, SHAPE)


@pytest.mark.parametrize("fps", [1, 25_000_000])
@pytest.mark.parametrize("name", list(CORNERS))
def test_every_engine_gives_the_same_integers(name: str, fps: int, tmp_path: Path) -> None:
    model = write(CORNERS[name], tmp_path / "model.onnx")
    check(Case(0, model, SHAPE, CompileConfig(fps, 25.0, 0), True, name), tmp_path, circuit=False)
    scores = Dataflow.load(tmp_path)
    codes = np.random.default_rng(0).integers(0, 256, (64, *scores.input.shape))
    assert len(np.unique(scores.golden(codes), axis=0)) > 1, "the network ignores its input"


def test_a_one_by_one_convolution_has_no_window(tmp_path: Path) -> None:
    model = write(conv_1x1, tmp_path / "model.onnx")
    dataflow = compile_model(model, tmp_path, CompileConfig(25_000_000, 25.0, 2))
    assert [op.kind for op in dataflow.ops].count("window") == 0
    assert [op.name for op in dataflow.ops if op.kind == "matvec"] == ["conv0", "conv1", "fc0"]


def test_negated_weights_of_logits_beyond_eight_bits_are_refused(tmp_path: Path) -> None:
    net = NetworkWriter(SHAPE, 3)
    net.flatten()
    full_range(net, 4, 8)
    net.node("Mul", net.number([-0.25, 0.5, -0.5, 0.25]))
    model = net.save(tmp_path / "model.onnx", SHAPE)
    with pytest.raises(FlowError, match="INT9 is wider than 8 bits; use a narrow-range weight quantizer"):
        compile_model(model, tmp_path, CompileConfig(1000, 25.0, 2))


def test_a_row_waits_in_front_of_an_inner_border(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.conv(5, 2, 0, 4)
        net.relu(2, 0.25)
        net.conv(3, 3, 1, 4)
        net.dqa(2)
        net.flatten()

    dataflow = compile_model(write(build, tmp_path / "model.onnx"), tmp_path, CompileConfig(1, 25.0, 2))
    names = [op.name for op in dataflow.ops]
    assert "pad1" in names and dataflow.ops[names.index("pad1") - 1].depth == 2 * 5  # columns times channels
