from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from brevitas_models.config import Activation, NetworkConfig, QuantConfig, Scale
from brevitas_models.deploy import deploy
from brevitas_models.errors import ModelError
from brevitas_models.export import export, logit_scale
from brevitas_models.networks import build

SHAPE = (1, 8, 8)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    model = ModelWrapper(str(path))
    return np.concatenate([execute_onnx(model, {"codes": x[None].astype(np.float32)})["logits"] for x in images])


@pytest.fixture
def exported(tmp_path, digits, settle):
    def make(config: NetworkConfig, quant: QuantConfig):
        network = deploy(settle(build(config, quant, SHAPE, 10), digits))
        return network, export(network, SHAPE, tmp_path, digits.test_x[:30]), tmp_path

    return make


@pytest.mark.parametrize(
    "quant",
    [
        QuantConfig(),
        QuantConfig(Activation.DQA_FIXED, 1, 1),
        QuantConfig(Activation.DQA_DYNAMIC, (8, 1, 2, 3), (4, 3, 1)),
        QuantConfig(Activation.RELU, (4, 1, 3, 8), (1, 2, 8)),
        QuantConfig(input_bits=1),
        QuantConfig(Activation.RELU, input_bits=3),
    ],
)
def test_the_graph_gives_torch_bits(quant: QuantConfig, lenet: NetworkConfig, exported, digits) -> None:
    network, record, folder = exported(lenet, quant)
    with torch.no_grad():
        logits = network(torch.from_numpy(digits.test_x[:30]).float() / 255).numpy()
    assert np.array_equal(run(folder / "model.onnx", digits.test_x[4:16]), logits[4:16])
    vectors = np.load(folder / "vectors.npz", allow_pickle=False)
    assert vectors["codes"].dtype == np.uint8 and np.array_equal(vectors["codes"], digits.test_x[:30])
    assert vectors["scores"].dtype == np.int64
    assert np.array_equal(vectors["scores"] * record["logit_scale"], logits)
    assert record["exact"] and record["graph_differs"] == record["logits_rounded"] == 0
    assert json.loads((folder / "export.json").read_text()) == record


@pytest.mark.parametrize("activation", [Activation.DQA_DYNAMIC, Activation.RELU])
def test_float_scales_differ_by_rounding_only(activation, mlp: NetworkConfig, exported, digits) -> None:
    network, record, folder = exported(mlp, QuantConfig(activation, 4, 3, Scale.FLOAT))
    scores = np.load(folder / "vectors.npz", allow_pickle=False)["scores"]
    logits = run(folder / "model.onnx", digits.test_x[:30])
    assert not record["exact"]
    assert np.allclose(scores * record["logit_scale"], logits, rtol=0, atol=1e-5 * np.abs(logits).max())


def test_logit_scale_by_hand(mlp: NetworkConfig) -> None:
    network = deploy(build(mlp, QuantConfig(), SHAPE, 10))
    assert logit_scale(network) == network.last.quant_weight().scale.item() * 2.0**-2
    network = deploy(build(mlp, QuantConfig(Activation.RELU), SHAPE, 10))
    assert logit_scale(network) == network.last.quant_weight().scale.item() * 0.5


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node if "Quant" not in node.op_type]


def test_the_graph_is_the_contracts(lenet: NetworkConfig, exported) -> None:
    network, _, folder = exported(lenet, QuantConfig())
    model = onnx.load(folder / "model.onnx")
    act = ["Mul", "Add", "MultiThreshold", "Add", "Mul"]
    assert kinds(model) == ["Mul", "Conv", *act, "MaxPool", "Conv", *act, "Flatten", "MatMul", *act, "MatMul"]
    (codes,), (logits,) = model.graph.input, model.graph.output
    assert codes.name == "codes" and codes.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [d.dim_value for d in codes.type.tensor_type.shape.dim] == [1, 1, 8, 8]
    assert logits.name == "logits" and [d.dim_value for d in logits.type.tensor_type.shape.dim] == [1, 10]
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert model.graph.node[0].input[0] == "codes" and values[model.graph.node[0].input[1]] == 2.0**-8
    nodes = [node for node in model.graph.node if node.op_type == "MultiThreshold"]
    for node, layer in zip(nodes, network.layers, strict=True):
        assert node.domain == "qonnx.custom_op.general"
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        assert attributes["out_dtype"] == b"UINT2"
        assert attributes.get("out_scale", 1.0) == 1.0 and attributes.get("out_bias", 0.0) == 0.0
        assert np.array_equal(values[node.input[1]], layer.activation.thresholds.detach().numpy()[None])
    uses = [name for node in model.graph.node for name in node.input if name in values]
    assert len(uses) == len(set(uses)), "every parameter has one user"


def test_relu_and_bipolar_graph(mlp: NetworkConfig, exported) -> None:
    _, _, folder = exported(mlp, QuantConfig(Activation.RELU, (1, 2, 4), 1))
    model = onnx.load(folder / "model.onnx")
    assert kinds(model) == ["Mul", "Flatten", *["MatMul", "Mul", "Add", "Relu"] * 2, "MatMul"]
    quantizers = [node for node in model.graph.node if "Quant" in node.op_type]
    assert sorted(node.op_type for node in quantizers) == ["BipolarQuant", "Quant", "Quant", "Quant", "Quant"]
    signed = [a.i for node in quantizers for a in node.attribute if a.name == "signed"]
    assert sorted(signed) == [0, 0, 1, 1]


def test_the_file_tells_nothing_of_the_machine(lenet: NetworkConfig, exported) -> None:
    _, _, folder = exported(lenet, QuantConfig())
    text = (folder / "model.onnx").read_bytes()
    assert not re.search(rb"site-packages|\.py\b|/home|/tmp|/usr", text)


def test_export_leaves_the_network_usable(lenet: NetworkConfig, exported, digits) -> None:
    network, record, folder = exported(lenet, QuantConfig())
    x = torch.from_numpy(digits.test_x[:30]).float() / 255
    scores = np.load(folder / "vectors.npz", allow_pickle=False)["scores"]
    with torch.no_grad():
        assert np.array_equal(network(x).numpy(), scores * record["logit_scale"])
    assert all(layer.pool_first for layer in network.layers) and network.last.frozen is not None
    again = export(network, SHAPE, folder, digits.test_x[:30])
    assert again == record


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("trained", "expected a deployed network, got batch norms; call deploy"),
        ("float", "got the floating-point twin; a circuit has no floats"),
        ("dtype", r"expected uint8 images of shape \(N, 1, 8, 8\), got float32"),
        ("shape", r"expected uint8 images of shape \(N, 1, 8, 8\), got uint8 \(3, 1, 9, 8\)"),
        ("empty", "expected at least one image for the golden vectors, got none"),
    ],
)
def test_what_cannot_be_exported_is_refused(change: str, text: str, mlp: NetworkConfig, tmp_path: Path) -> None:
    quant = QuantConfig(Activation.FLOAT if change == "float" else Activation.RELU)
    network = build(mlp, quant, SHAPE, 10).eval()
    if change != "trained":
        network = deploy(network)
    images = np.zeros((0 if change == "empty" else 3, 1, 9 if change == "shape" else 8, 8), np.uint8)
    if change == "dtype":
        images = images.astype(np.float32)
    with pytest.raises(ModelError, match=text):
        export(network, SHAPE, tmp_path, images)
    assert list(tmp_path.iterdir()) == []
