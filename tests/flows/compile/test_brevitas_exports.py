"""Networks as Brevitas itself exports them: QONNX and QCDQ, residual, depthwise, per-channel scales, average pool."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from flows.compile.input_map import InputMap, write_with_pixels
from tests.flows.compile.agree import agree

with warnings.catch_warnings():  # brevitas warns of its own parts while it is imported
    warnings.simplefilter("ignore")
    from brevitas import nn as qnn
    from brevitas.export import export_onnx_qcdq, export_qonnx
    from brevitas.quant import Int8WeightPerChannelFloat, Uint8ActPerTensorFloat

pytestmark = pytest.mark.filterwarnings("ignore")  # of the exporters

SHAPE = (1, 6, 6)


class Residual(nn.Module):
    """Two convolutions around a shortcut, a depthwise one, a global average, a linear layer with a bias."""

    def __init__(self) -> None:
        super().__init__()
        conv = {"bias": False, "weight_bit_width": 4, "weight_quant": Int8WeightPerChannelFloat}
        act = {"bit_width": 3, "act_quant": Uint8ActPerTensorFloat}
        self.first = qnn.QuantConv2d(1, 4, 3, padding=1, **conv)
        self.norm = nn.BatchNorm2d(4)
        self.relu = qnn.QuantReLU(**act)
        self.second = qnn.QuantConv2d(4, 4, 3, padding=1, groups=4, **conv)
        self.both = qnn.QuantIdentity(bit_width=4)
        self.join = qnn.QuantReLU(**act)
        self.last = qnn.QuantLinear(4, 3, bias=True, weight_bit_width=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm(self.first(x)))
        x = self.join(self.both(x) + self.both(self.second(x)))
        return self.last(x.mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    module = Residual()
    for _ in range(20):
        module(torch.rand(32, *SHAPE))
    module.norm.bias.data += torch.randn(4) / 2
    return module.eval()


@pytest.mark.parametrize("kind", ["qonnx", "qcdq"])
def test_every_code_is_the_references(kind: str, network: nn.Module, tmp_path: Path) -> None:
    export = {"qonnx": export_qonnx, "qcdq": export_onnx_qcdq}[kind]
    export(network, torch.rand(1, *SHAPE), export_path=str(tmp_path / "brevitas.onnx"))
    write_with_pixels(tmp_path / "brevitas.onnx", tmp_path / "model.onnx", InputMap.UNIT)
    dataflow, record = agree(tmp_path / "model.onnx", SHAPE)
    assert {"depthwise", "add", "accpool"} <= {op.kind for op in dataflow.ops}
