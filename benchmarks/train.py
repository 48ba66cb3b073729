"""`python -m benchmarks.train`: images a second of our training loop and of the plain one of Brevitas' examples.

Both train the same network, a LeNet-5 of equal layers, widths, bits and scales, on the same MNIST images with Adam, and
are measured in CPU time, alternating, in one process on the same threads. The plain loop is what the examples write: a
Sequential of quantized layers, activation before pool, a DataLoader over a TensorDataset of float pixels. Ours does
more in its epoch: the input grid, repeatable shuffling, a learning rate for each step, a checkpoint, the accuracy on
a few test images.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from brevitas.nn import QuantConv2d, QuantLinear, QuantReLU
from brevitas.quant import Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPointMaxInit
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.lenet import mnist
from benchmarks.record import emit
from brevitas_models.config import (
    Activation,
    DataConfig,
    Dataset,
    DefenceConfig,
    ModelConfig,
    NetworkConfig,
    QuantConfig,
    TrainConfig,
)
from brevitas_models.data.split import Split
from brevitas_models.train import accuracy, train
from flows import environment

BITS, BATCH, RATE = 4, 128, 4e-3


def plain_network() -> nn.Sequential:
    """LeNet-5 as a user of Brevitas writes it."""
    weights = {"bias": False, "weight_quant": Int8WeightPerTensorFixedPoint, "weight_bit_width": BITS}

    def activation() -> nn.Module:
        return QuantReLU(act_quant=Uint8ActPerTensorFixedPointMaxInit, bit_width=BITS, max_val=1.5)

    return nn.Sequential(
        *(QuantConv2d(1, 6, 5, padding=2, **weights), nn.BatchNorm2d(6), activation(), nn.MaxPool2d(2)),
        *(QuantConv2d(6, 16, 5, **weights), nn.BatchNorm2d(16), activation(), nn.MaxPool2d(2), nn.Flatten()),
        *(QuantLinear(400, 120, **weights), nn.BatchNorm1d(120), activation()),
        *(QuantLinear(120, 84, **weights), nn.BatchNorm1d(84), activation()),
        QuantLinear(84, 10, **weights),
    )


def plain(split: Split, epochs: int) -> nn.Module:
    torch.manual_seed(1)
    network = plain_network()
    optimizer, criterion = torch.optim.Adam(network.parameters(), lr=RATE), nn.CrossEntropyLoss()
    images = TensorDataset(torch.from_numpy(split.train_x).float() / 255, torch.from_numpy(split.train_y))
    for _ in range(epochs):
        network.train()
        for pixels, labels in DataLoader(images, batch_size=BATCH, shuffle=True):
            optimizer.zero_grad()
            criterion(network(pixels), labels).backward()
            optimizer.step()
    return network


def ours(split: Split, epochs: int) -> nn.Module:
    config = ModelConfig(
        DataConfig(Dataset.MNIST),
        NetworkConfig(),
        QuantConfig(Activation.RELU, BITS, BITS),
        DefenceConfig(lipschitz_beta=0.0, adversarial=0.0),
        TrainConfig(epochs=epochs, batch=BATCH, learning_rate=RATE),
        seed=1,
    )
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        return train(config, split, Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/train.json"))
    options = parser.parse_args()
    torch.set_num_threads(environment.threads())
    whole = mnist()
    split = replace(
        whole, train_x=whole.train_x[: options.images], train_y=whole.train_y[: options.images],
        test_x=whole.test_x[:BATCH], test_y=whole.test_y[:BATCH],
    )  # fmt: skip
    loops: dict[str, Callable[[Split, int], nn.Module]] = {"ours": ours, "plain": plain}
    rates: dict[str, list[float]] = {name: [] for name in loops}
    right = {}
    for _ in range(options.repeats):
        for name, loop in loops.items():
            started = time.process_time()
            network = loop(split, options.epochs)
            rates[name].append(options.epochs * len(split.train_x) / (time.process_time() - started))
            right[name] = accuracy(network.eval(), whole.test_x, whole.test_y)
    record = {
        "network": f"LeNet-5, {BITS}-bit weights and activations",
        "images": len(split.train_x),
        "epochs": options.epochs,
        "batch": BATCH,
        "threads": environment.threads(),
        "unit": "images per CPU second, median of the repeats",
        "images_per_second": {name: round(median(values), 1) for name, values in rates.items()},
        "test_accuracy_of_the_last": right,
        "ratio": round(median(rates["ours"]) / median(rates["plain"]), 3),
    }
    emit(record, options.out)


if __name__ == "__main__":
    main()
