"""The two float32 numbers of a batch norm are onnxruntime's own, bit by bit."""

from __future__ import annotations

import numpy as np
from onnx import helper

from flows.compile.read.arithmetic import deployed_batch_norm
from flows.compile.read.constants import compute


def test_scale_and_bias_are_onnxruntimes() -> None:
    random = np.random.default_rng(0)
    count = 4096
    gamma, beta, mean = (random.normal(0, 3, count).astype(np.float32) for _ in range(3))
    variance = np.exp(random.normal(0, 4, count)).astype(np.float32)
    node = helper.make_node("BatchNormalization", list("xgbmv"), ["y"], epsilon=1e-5)

    def run(x: float, shift: np.ndarray, centre: np.ndarray) -> np.ndarray:
        return compute(node, [np.full((1, count), x, np.float32), gamma, shift, centre, variance], 15)[0][0]

    scale, bias = deployed_batch_norm(gamma, beta, mean, variance, 1e-5)
    zero = np.zeros(count, np.float32)
    assert np.array_equal(run(1.0, zero, zero), scale)
    assert np.array_equal(run(0.0, beta, mean), bias)
