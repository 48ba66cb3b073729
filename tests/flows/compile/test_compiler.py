"""QONNX through finn to `hw.Dataflow`: the integers of the reference executor, of finn's graph and of ours agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from flows.compile.compiler import compile_model
from flows.compile.finn_graph import run_finn_graph
from flows.config import CompileConfig
from flows.errors import FlowError
from flows.verify.reference import run_reference
from hw.dataflow import Dataflow
from tests.flows.compile.qonnx_networks import lenet, mlp

CONFIG = CompileConfig(target_fps=50_000, clock_mhz=25.0, fifo_depth=2)
NETWORKS = {
    "lenet-dqa": lambda path: lenet(path),
    "lenet-relu": lambda path: lenet(path, activation="relu", bits=3, seed=1),
    "lenet-sign-bipolar": lambda path: lenet(path, bits=1, weight_bits=1, seed=6),
    "lenet-dqa-float-scale": lambda path: lenet(path, activation="dqa-float", seed=5),
    "mlp-dqa": lambda path: mlp(path, bits=4, seed=3),
    "mlp-relu": lambda path: mlp(path, activation="relu", bits=2, weight_bits=8, seed=4),
}


@pytest.fixture(params=list(NETWORKS))
def compiled(request, tmp_path: Path) -> tuple[Path, Dataflow, dict]:
    path = NETWORKS[request.param](tmp_path / "model.onnx")
    dataflow = compile_model(path, tmp_path, CONFIG)
    return tmp_path, dataflow, json.loads((tmp_path / "compile.json").read_text())


def test_every_rung_gives_the_same_integers(compiled) -> None:
    folder, dataflow, record = compiled
    side = 8 if "pad0" in [op.name for op in dataflow.ops] else 6
    images = np.random.default_rng(0).integers(0, 256, (5, 1, side, side)).astype(np.uint8)
    codes = images.transpose(0, 2, 3, 1).reshape(5, *dataflow.input.shape)
    scores, activations = run_reference(folder / "model.onnx", images, record)
    trace = {op.name: values for op, values in dataflow.trace(codes)}
    for name, values in activations.items():
        assert np.array_equal(trace[name].reshape(values.shape), values), name
    assert np.array_equal(dataflow.result(dataflow.golden(codes)).scores, scores)
    assert len({tuple(row) for row in scores}) > 1, "the test network ignores its input"
    for name, values in run_finn_graph(folder / "finn.onnx", images, record["finn"]).items():
        assert np.array_equal(values, trace[name].reshape(values.shape)), name


def test_the_saved_dataflow_is_the_compiled_one(compiled) -> None:
    folder, dataflow, record = compiled
    loaded = Dataflow.load(folder)
    codes = np.random.default_rng(1).integers(0, 256, (2, *dataflow.input.shape))
    assert np.array_equal(loaded.golden(codes), dataflow.golden(codes))
    assert record["target_met"] == (dataflow.cycles_per_frame_bound <= record["target_cycles"])


def test_a_file_that_is_no_onnx_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\xff\xfe not onnx")
    with pytest.raises(FlowError, match="expected a QONNX file, got"):
        compile_model(path, tmp_path, CONFIG)


def test_annotations_of_a_foreign_file_are_not_evaluated(tmp_path: Path) -> None:
    path = mlp(tmp_path / "model.onnx")
    model = onnx.load(path)
    note = model.graph.quantization_annotation.add(tensor_name="codes")
    for key in ("tensor_sparsity", "finn_datatype"):
        note.quant_parameter_tensor_names.add(key=key, value="__import__('os').abort()")
    onnx.save(model, path)
    compile_model(path, tmp_path, CONFIG)
