"""What has no circuit is refused with FlowError; nothing is accepted and computed in another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.compile.compiler import compile_model
from flows.compile.read.network import read_network
from flows.config import CompileConfig
from flows.errors import FlowError
from tests.flows.compile.agree import agree
from tests.flows.compile.qonnx_networks import NetworkWriter
from tests.fuzz.refusals import REFUSED, UNUSUAL, hidden, pool, write

CONFIG = CompileConfig(target_fps=1000, clock_mhz=25.0, fifo_depth=2)


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_with_name_reason_and_remedy(name: str, tmp_path: Path) -> None:
    path = write(name, tmp_path / "model.onnx")
    with pytest.raises(FlowError) as refusal:
        compile_model(path, tmp_path, CONFIG)
    text = str(refusal.value)
    place, _, rest = text.partition(": ")
    assert place.startswith(("layer '", "output '", str(path))) and "; " in rest, text


@pytest.mark.parametrize("name", list(UNUSUAL))
def test_what_is_taken_is_computed_exactly(name: str, tmp_path: Path) -> None:
    agree(write(name, tmp_path / "model.onnx"), (2, 5, 5))


def test_the_same_network_without_the_fault_is_read(tmp_path: Path) -> None:
    net = NetworkWriter((2, 5, 5), 0)
    net.node("Mul", net.number(2.0**-8))
    hidden(net)
    pool(net)
    net.flatten()
    net.linear(3, 4)
    network = read_network(net.save(tmp_path / "model.onnx", (2, 5, 5)))
    assert [product.weights.shape for product in network.products] == [(3, 8), (3, 12)]
