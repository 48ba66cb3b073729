"""The networks of the table as QONNX files, their weights drawn from a seed."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from brevitas_models.config import Activation, Architecture, NetworkConfig, QuantConfig
from brevitas_models.deploy import deploy
from brevitas_models.export import export
from brevitas_models.networks import build
from brevitas_models.networks.network import Network

with warnings.catch_warnings():  # brevitas warns of its own parts while it is imported
    warnings.simplefilter("ignore")
    from brevitas.export import export_qonnx
    from brevitas_examples.bnn_pynq.models.CNV import CNV
    from brevitas_examples.imagenet_classification.models.mobilenetv1 import MobileNet

SEED = 1
CIFAR, SPEECH = (3, 32, 32), (1, 49, 10)
RESNET8 = NetworkConfig(Architecture.RESNET8, channels=(16, 32, 64))
RESNET8_QUANT = QuantConfig(Activation.RELU, weight_bits=4, activation_bits=4)
DSCNN = NetworkConfig(Architecture.DSCNN, channels=(64, 64, 64, 64, 64))
DSCNN_QUANT = QuantConfig(Activation.RELU, weight_bits=4, activation_bits=4)


def pictures(shape: tuple[int, int, int], count: int, seed: int = SEED) -> torch.Tensor:
    """float32 (count, *shape) in [0, 1]: coarse blobs under fine noise, so that neighbours resemble each other."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape
    coarse = torch.rand(count, channels, -(-height // 4), -(-width // 4), generator=generator)
    blobs = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    return (0.8 * blobs + 0.2 * torch.rand(count, *shape, generator=generator)).clamp(0, 1)


@torch.no_grad()
def settle(network: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """Batch norms see pictures, and get factors and offsets as training gives them: no two channels alike."""
    generator = torch.Generator().manual_seed(SEED)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.weight.copy_(0.5 + torch.rand(module.weight.shape, generator=generator))
            module.bias.copy_(torch.randn(module.bias.shape, generator=generator) / 2)
    network.train()
    for step in range(20):
        network(pictures(shape, 16, SEED + step))
    return network.eval()


def own(config: NetworkConfig, quant: QuantConfig, shape: tuple[int, int, int], classes: int) -> Network:
    """An untrained network of ours."""
    torch.manual_seed(SEED)
    return settle(build(config, quant, shape, classes), shape)


def write_own(network: Network, path: Path) -> None:
    """Writes the deployed network to `path`, checked by our export on a few pictures."""
    shape = network.input_shape
    codes = np.rint(pictures(shape, 8).numpy() * 255).astype(np.uint8)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        export(deploy(network), shape, Path(folder), codes)
        (Path(folder) / "model.onnx").replace(path)


def write_foreign(network: nn.Module, shape: tuple[int, int, int], path: Path) -> None:
    """Writes the network as Brevitas exports it."""
    # the exporter leaves the weights in a second file as well
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        exported = Path(folder) / path.name
        export_qonnx(settle(network, shape), torch.rand(1, *shape), export_path=str(exported))
        onnx.save(onnx.load(exported), path)


def cnv(weight_bits: int, activation_bits: int) -> Callable[[Path], None]:
    """CNV of brevitas_examples.bnn_pynq, for CIFAR-10."""

    def write(path: Path) -> None:
        torch.manual_seed(SEED)
        network = CNV(
            num_classes=10, weight_bit_width=weight_bits, act_bit_width=activation_bits, in_bit_width=8, in_ch=CIFAR[0]
        )
        write_foreign(network, CIFAR, path)

    return write


def mobilenet(path: Path) -> None:
    """MobileNetV1 of brevitas_examples.imagenet_classification, an eighth as wide, for pictures of 32x32."""
    torch.manual_seed(SEED)
    channels = [[8], [8], [16, 16], [32, 32], [64, 64]]
    network = MobileNet(
        channels, False, 4, 4, first_layer_stride=1, avg_pool_kernel_size=4, last_layer_bit_width=4, num_classes=10
    )
    write_foreign(network, CIFAR, path)


MODELS: dict[str, Callable[[Path], None]] = {
    "resnet8": lambda path: write_own(own(RESNET8, RESNET8_QUANT, CIFAR, 10), path),
    "dscnn": lambda path: write_own(own(DSCNN, DSCNN_QUANT, SPEECH, 12), path),
    "mobilenet": mobilenet,
    "cnv_1w1a": cnv(1, 1),
    "cnv_1w2a": cnv(1, 2),
    "cnv_2w2a": cnv(2, 2),
}
