"""Small variants of the table's networks: every code and score of golden model and circuit is the reference's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.networks import models
from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig
from flows.compile.input_map import InputMap, write_with_pixels
from flows.config import CompileConfig
from hw.dataflow import Dataflow
from tests.flows.compile.agree import agree

pytestmark = pytest.mark.filterwarnings("ignore")  # of the exporters

#: Slow enough that most units work on one element a cycle: small circuits, and every width converter there is.
CONFIG = CompileConfig(target_fps=4000, clock_mhz=25.0, fifo_depth=2)


def resnet8(path: Path) -> tuple[int, int, int]:
    config, quant = NetworkConfig(Architecture.RESNET8, channels=(2, 4)), QuantConfig(Activation.DQA_DYNAMIC, 3, 2)
    models.write_own(models.own(config, quant, (1, 6, 6), 3), path)
    return 1, 6, 6


def dscnn(path: Path) -> tuple[int, int, int]:
    config, quant = NetworkConfig(Architecture.DSCNN, channels=(2, 4)), QuantConfig(Activation.RELU, 4, 3)
    models.write_own(models.own(config, quant, (1, 12, 5), 3), path)
    return 1, 12, 5


def foreign(network: torch.nn.Module, shape: tuple[int, int, int], path: Path) -> tuple[int, int, int]:
    exported = path.with_name("brevitas.onnx")
    models.write_foreign(network, shape, exported)
    write_with_pixels(exported, path, InputMap.UNIT)
    return shape


def mobilenet(path: Path) -> tuple[int, int, int]:
    torch.manual_seed(3)
    network = models.MobileNet(
        [[2], [2], [4]], False, 4, 4, first_layer_stride=1, avg_pool_kernel_size=2, in_channels=1, num_classes=3
    )
    return foreign(network, (1, 6, 6), path)


def cnv(weight_bits: int, activation_bits: int, patch: pytest.MonkeyPatch) -> Callable[[Path], tuple[int, int, int]]:
    """Two convolutions and one hidden layer instead of six and two."""

    def write(path: Path) -> tuple[int, int, int]:
        sizes = models.CNV.__init__.__globals__
        patch.setitem(sizes, "CNV_OUT_CH_POOL", [(3, False), (4, True)])
        patch.setitem(sizes, "INTERMEDIATE_FC_FEATURES", [(4 * 2 * 2, 6)])
        patch.setitem(sizes, "LAST_FC_IN_FEATURES", 6)
        torch.manual_seed(1)
        network = models.CNV(3, weight_bits, activation_bits, in_bit_width=8, in_ch=1)
        return foreign(network, (1, 8, 8), path)

    return write


def agrees(write: Callable[[Path], tuple[int, int, int]], folder: Path, circuit: bool) -> Dataflow:
    shape = write(folder / "model.onnx")
    return agree(folder / "model.onnx", shape, config=CONFIG, circuit=circuit)[0]


@pytest.mark.sim
def test_resnet8(tmp_path: Path) -> None:
    kinds = [op.kind for op in agrees(resnet8, tmp_path, circuit=True).ops]
    assert kinds.count("add") == 2 and "accpool" in kinds


def test_dscnn(tmp_path: Path) -> None:
    assert "depthwise" in {op.kind for op in agrees(dscnn, tmp_path, circuit=False).ops}


@pytest.mark.sim
def test_mobilenet(tmp_path: Path) -> None:
    """Its last pool takes the whole image, with a stride of 1."""
    kinds = [op.kind for op in agrees(mobilenet, tmp_path, circuit=True).ops]
    assert kinds.count("depthwise") == 2 and "accpool" in kinds


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(1, 1), (1, 2), (2, 2)])
def test_cnv(weight_bits: int, activation_bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataflow = agrees(cnv(weight_bits, activation_bits, monkeypatch), tmp_path, circuit=False)
    assert "maxpool" in {op.kind for op in dataflow.ops}
