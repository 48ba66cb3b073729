"""Which networks the table has, and how each is folded for the ladder and for place and route."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """`title`: in the table. `weights`: where they come from. `target_fps` at `clock_mhz`: what the circuit is folded
    for. `images`: how many of the made images the circuit (Verilator) takes; `slow`: how many the executors in Python
    take; the golden model takes all. `zoo`: whether its file comes from --zoo (trained on MNIST)."""

    name: str
    title: str
    weights: str
    target_fps: int
    clock_mhz: float
    images: int
    slow: int
    zoo: bool = False


RANDOM, TRAINED = "random, one seed", "trained by Brevitas on MNIST"
OURS = "trained by the preset `mnist-lenet5`"

ENTRIES = (
    Entry("TFC_1W1A", "TFC-1W1A (28x28, MNIST)", TRAINED, 100_000, 100, 0, 500, zoo=True),
    Entry("TFC_2W2A", "TFC-2W2A (28x28, MNIST)", TRAINED, 100_000, 100, 0, 500, zoo=True),
    Entry("mnist_lenet5", "LeNet-5, 4/3 bits (28x28, MNIST)", OURS, 16_000, 100, 2000, 200, zoo=True),
    Entry("dscnn", "DS-CNN, 4 bits (49x10, keywords)", RANDOM, 240, 50, 16, 10),
    Entry("mobilenet", "MobileNetV1 x 1/8, 4 bits (32x32)", RANDOM, 240, 50, 16, 10),
    Entry("resnet8", "ResNet-8, 4 bits (32x32, CIFAR-10)", RANDOM, 240, 50, 16, 10),
    Entry("cnv_1w1a", "CNV-1W1A (32x32, CIFAR-10)", RANDOM, 240, 50, 8, 5),
    Entry("cnv_1w2a", "CNV-1W2A (32x32, CIFAR-10)", RANDOM, 240, 50, 8, 5),
    Entry("cnv_2w2a", "CNV-2W2A (32x32, CIFAR-10)", RANDOM, 240, 50, 8, 5),
)
