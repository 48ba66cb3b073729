"""Finn's graph of a network with branches is recognized, and one that was changed is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.finn_match import match
from flows.compile.network import Network
from flows.compile.prepare import prepare
from flows.compile.quiet import quiet
from flows.compile.read.network import PIXEL, read_network
from flows.compile.streamline import streamline
from flows.compile.to_hardware import to_hardware
from flows.errors import FlowError
from tests.flows.compile.test_graphs import depthwise, residual_downsampled, two_residuals, write

Graph = tuple[ModelWrapper, Network]


def converted(build: Callable, folder: Path) -> Graph:
    path = write(build, folder / "model.onnx")
    with quiet():
        return to_hardware(streamline(prepare(path, PIXEL))), read_network(path, PIXEL)


@pytest.fixture
def branches(tmp_path: Path) -> Graph:
    return converted(two_residuals, tmp_path)


def constant(model: ModelWrapper, kind: str) -> tuple[str, np.ndarray]:
    node = model.get_nodes_by_op_type(kind)[0]
    name = next(tensor for tensor in node.input if model.get_initializer(tensor) is not None)
    return name, model.get_initializer(name).copy()


def test_every_node_has_a_tensor(branches: Graph) -> None:
    matched = match(*branches)
    assert list(matched.tensors) == [node.name for node in branches[1].nodes]
    assert len(set(matched.tensors.values())) == len(matched.tensors)


def test_of_two_layers_on_one_stream_each_finds_its_own(tmp_path: Path) -> None:
    model, network = converted(residual_downsampled, tmp_path)
    matched = match(model, network)
    units = {node.output[0]: model.get_initializer(node.input[1]) for node in model.get_nodes_by_op_type("MVAU")}
    for product in network.products:
        assert np.array_equal(units[matched.tensors[product.name]].T, product.weights), product.name


@pytest.mark.parametrize("build", [two_residuals, depthwise])
def test_another_weight_is_seen(build: Callable, tmp_path: Path) -> None:
    model, network = converted(build, tmp_path)
    for kind in ("VVAU", "MVAU") if build is depthwise else ("MVAU",):
        name, weights = constant(model, kind)
        changed = weights.copy()
        changed.flat[0] += 1
        model.set_initializer(name, changed)
        with pytest.raises(FlowError, match="finn changed the weights of channel 0"):
            match(model, network)
        model.set_initializer(name, weights)
    match(model, network)


def test_another_gain_is_seen(branches: Graph) -> None:
    model, network = branches
    name, gain = constant(model, "ElementwiseMul")
    model.set_initializer(name, gain + 1)
    with pytest.raises(FlowError, match="ElementwiseAdd_0 of finn's graph, .*3 \\* act_conv0.* has no counterpart"):
        match(model, network)
    model.set_initializer(name, gain + 0.5)
    with pytest.raises(FlowError, match="expected one whole factor, got \\[2.5\\]"):
        match(model, network)


def test_a_layer_less_is_seen(branches: Graph) -> None:
    model, network = branches
    extra = Network(network.nodes[:-1], network.input_shape, network.input_type, network.scores)
    with pytest.raises(FlowError, match="has no counterpart in the network"):
        match(model, extra)
    last = model.graph.node[-2]
    assert last.op_type == "MVAU"
    model.graph.node.remove(last)
    with pytest.raises(FlowError, match="finn left Mul_0 \\(Mul\\) outside hardware"):
        match(model, network)
    model.graph.node.remove(model.graph.node[-1])
    with pytest.raises(FlowError, match="finn's graph has no layer for fc0"):
        match(model, network)


def test_channels_first_are_seen(branches: Graph) -> None:
    model, network = branches
    turn = model.get_nodes_by_op_type("Transpose")[0]
    model.set_tensor_shape(turn.output[0], model.get_tensor_shape(turn.input[0]))
    border = model.find_consumer(turn.output[0])
    border.input[0] = turn.input[0]
    model.graph.node.remove(turn)
    with pytest.raises(FlowError, match="takes its channels first"):
        match(model, network)
