"""Which networks the table has, and how each is folded for the ladder and for place and route."""

from __future__ import annotations

from dataclasses import dataclass

from brevitas_models.config import Dataset


@dataclass(frozen=True, slots=True)
class Entry:
    """`title`: in the table. `weights`: where they come from. `target_fps` at `clock_mhz`: what the circuit is folded
    for. `images`: how many of the made images the circuit (Verilator) takes; `slow`: how many the executors in Python
    take; the golden model takes all. `data`: for a trained network, whose file comes from --zoo: whose test images
    it is verified on. `seed`: of place and route."""

    name: str
    title: str
    weights: str
    target_fps: int
    clock_mhz: float
    images: int
    slow: int
    data: Dataset | None = None
    seed: int = 1


RANDOM, TRAINED = "random, one seed", "trained by Brevitas on MNIST"
LENET5, RESNET8 = "trained by the preset `mnist-lenet5`", "trained by the preset `cifar10-resnet8`"

ENTRIES = (
    Entry("TFC_1W1A", "TFC-1W1A (28x28, MNIST)", TRAINED, 100_000, 100, 0, 500, data=Dataset.MNIST),
    Entry("TFC_2W2A", "TFC-2W2A (28x28, MNIST)", TRAINED, 100_000, 100, 0, 500, data=Dataset.MNIST),
    Entry("mnist_lenet5", "LeNet-5, 4/3 bits (28x28, MNIST)", LENET5, 16_000, 100, 2000, 200, Dataset.MNIST, seed=2),
    Entry("dscnn", "DS-CNN, 4 bits (49x10, keywords)", RANDOM, 240, 50, 16, 10),
    Entry("mobilenet", "MobileNetV1 x 1/8, 4 bits (32x32)", RANDOM, 240, 50, 16, 10),
    Entry("resnet8", "ResNet-8, 4 bits (32x32, CIFAR-10)", RANDOM, 240, 50, 16, 10),
    Entry("cifar10_resnet8", "ResNet-8, 4 bits (32x32, CIFAR-10)", RESNET8, 760, 100, 16, 10, Dataset.CIFAR10, seed=2),
    Entry("cnv_1w1a", "CNV-1W1A (32x32, CIFAR-10)", RANDOM, 240, 50, 8, 5),
    Entry("cnv_1w2a", "CNV-1W2A (32x32, CIFAR-10)", RANDOM, 240, 50, 8, 5),
    Entry("cnv_2w2a", "CNV-2W2A (32x32, CIFAR-10)", RANDOM, 240, 50, 8, 5),
)
