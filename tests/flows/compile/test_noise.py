"""Stochastic quantizers: the noise that an export tells of becomes that of the circuit, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper

from flows.compile.folding.fold import fold
from flows.compile.lower import lower
from flows.compile.read.network import PIXEL, read_network
from flows.config import CompileConfig
from flows.errors import FlowError
from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.ops.stochastic_threshold.lfsr import Draws
from hw.stream import Stream
from tests.flows.compile.qonnx_networks import QONNX, NetworkWriter

BITS, CHANNELS, SEED, STEP = 2, 4, 77, 0.5
CONFIG = CompileConfig(target_fps=50_000, clock_mhz=25.0, fifo_depth=2)
COUNT = 2**BITS - 1
UNIT = 2.0**-8 * 0.125  # of the sums of the convolution
FACTORS = np.array([24, -40, 3, 900]) / 64
OFFSETS = np.array([-0.25, 0.5, 0.0, 0.125])
GAINS = np.abs(FACTORS) * UNIT
SPREAD = np.round(STEP / GAINS).astype(int)
THRESHOLDS = (np.arange(COUNT) + 0.5 - COUNT / 2) * STEP
IMAGES = np.random.default_rng(3).integers(0, 256, (30, 1, 6, 6)).astype(np.uint8)


class Written:
    """Convolution, affine, stochastic quantizer, pool, linear layer; the integers of both weights."""

    def __init__(self, path: Path, **changed: object) -> None:
        net = NetworkWriter((1, 6, 6), 5)
        net.node("Mul", net.number(2.0**-8))
        place = len(net.constants)
        net.conv(CHANNELS, 3, 1, 4)
        self.kernel = np.rint(numpy_helper.to_array(net.constants[place]) / 0.125).astype(int)
        net.node("Mul", net.number(FACTORS.reshape(-1, 1, 1)))
        net.node("Add", net.number(OFFSETS.reshape(-1, 1, 1)))
        noise = {"noise_spread": SPREAD.tolist(), "noise_gain": GAINS.tolist(), "noise_bits": 8, "noise_seed": SEED}
        net.node(
            "MultiThreshold", net.number(THRESHOLDS[None]), domain=QONNX, out_dtype=f"UINT{BITS}", **(noise | changed)
        )
        net.node("Add", net.number(-COUNT / 2))
        net.node("Mul", net.number(STEP))
        net.pool(2)
        net.flatten()
        place = len(net.constants)
        net.linear(3, 4)
        self.last = np.rint(numpy_helper.to_array(net.constants[place]) / 0.25).astype(int)
        self.path = net.save(path, (1, 6, 6))

    def expected(self, images: np.ndarray) -> np.ndarray:
        """Scores int64 (N, 3) of the images, one after the other since a reset, in steps of STEP / 2 * 0.25."""
        padded = np.pad(images[:, 0].astype(int), ((0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3), axis=(1, 2))
        sums = np.einsum("nhwij,cij->nhwc", windows, self.kernel[:, 0])
        r = Draws(SEED)(sums.size, 8).reshape(sums.shape)
        d = (r * SPREAD >> 8) - SPREAD // 2
        values = sums * FACTORS * UNIT + OFFSETS + GAINS * d
        level = 2 * (values[..., None] >= THRESHOLDS).sum(-1) - COUNT
        pooled = level.reshape(len(images), 3, 2, 3, 2, CHANNELS).max(axis=(2, 4))
        return pooled.transpose(0, 3, 1, 2).reshape(len(images), -1) @ self.last.T


def compiled(path: Path) -> Dataflow:
    network = read_network(path, PIXEL)
    source = Stream(network.input_shape, network.input_type, 1)
    return fold("noisy", lower(network).plans, source, CONFIG, labels=True).dataflow


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "noisy.onnx")


def codes(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 2, 3, 1)


def test_the_circuit_draws_what_the_network_was_deployed_with(written) -> None:
    dataflow = compiled(written.path)
    (op,) = (op for op in dataflow.ops if op.kind == "stochastic_threshold")
    assert (op.seed, op.draw_bits, op.restart_every_frame) == (SEED, 8, False)
    assert np.array_equal(op.spread, SPREAD)
    found = dataflow.result(dataflow.golden(codes(IMAGES))).scores
    assert np.array_equal(found, written.expected(IMAGES))
    again = dataflow.result(dataflow.golden(codes(IMAGES[::-1]))).scores[::-1]
    assert (again != found).any(axis=1).mean() > 0.9  # the noise goes on from image to image


@pytest.mark.sim
def test_the_simulated_circuit_agrees(written, tmp_path) -> None:
    dataflow = compiled(written.path)
    with Simulator(dataflow, build(dataflow, tmp_path / "circuit")) as simulator:
        for stalls in ({}, {"stall_in": 0.3, "stall_out": 0.3, "seed": 1}):
            scores = dataflow.result(simulator.run(codes(IMAGES), **stalls).outputs).scores
            assert np.array_equal(scores, written.expected(IMAGES))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"noise_gain": (2 * GAINS).tolist()}, "noise in other units than the layer's sums"),
        ({"noise_spread": SPREAD[:3].tolist()}, "noise of 3 channels on 4"),
        ({"noise_spread": [0, 1, 1, 1]}, "give each channel a spread"),
    ],
)
def test_noise_that_does_not_fit_is_refused(tmp_path, changed, text) -> None:
    with pytest.raises(FlowError, match=text):
        compiled(Written(tmp_path / "noisy.onnx", **changed).path)
