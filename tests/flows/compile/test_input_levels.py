"""A network whose pixels are quantized before its first layer, from torch to the circuit's integers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.deploy import deploy
from brevitas_models.export import export
from brevitas_models.networks import build
from flows.compile.compiler import compile_model
from flows.compile.finn_graph import run_finn_graph
from flows.config import CompileConfig

LENET = NetworkConfig(channels=(4,), kernel=3, padding=1, pools=(2,), hidden=(12,))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
@pytest.mark.parametrize("quant", [QuantConfig(input_bits=1), QuantConfig(Activation.RELU, input_bits=2)])
def test_its_circuit_starts_with_thresholds(quant: QuantConfig, shape: tuple, tmp_path: Path) -> None:
    torch.manual_seed(3)
    images = np.random.default_rng(0).integers(0, 256, (40, *shape)).astype(np.uint8)
    network = build(LENET, quant, shape, 5).train()
    for _ in range(20):
        network(torch.from_numpy(images).float() / 255)
    export(deploy(network), shape, tmp_path, images)
    dataflow = compile_model(
        tmp_path / "model.onnx", tmp_path, CompileConfig(target_fps=50_000, clock_mhz=25.0, fifo_depth=2)
    )
    first = next(op for op in dataflow.ops if op.kind not in ("width_converter", "fifo"))
    assert first.kind == "threshold" and first.output.dtype.name == f"UINT{quant.input_bits}"
    codes = images.transpose(0, 2, 3, 1).reshape(-1, *dataflow.input.shape).astype(np.int64)
    with np.load(tmp_path / "vectors.npz", allow_pickle=False) as vectors:
        assert np.array_equal(dataflow.result(dataflow.golden(codes)).scores, vectors["scores"])
    finn = json.loads((tmp_path / "compile.json").read_text())["finn"]
    inside = dict(dataflow.values(codes[:5]))
    for name, values in run_finn_graph(tmp_path / "finn.onnx", images[:5], finn).items():
        assert np.array_equal(values, inside[name].reshape(values.shape)), name
