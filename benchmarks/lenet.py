"""The float network that attacks are compared on: LeNet-5 on MNIST, trained once and kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data.load import load
from brevitas_models.data.split import Split
from flows import environment
from flows.errors import FlowError

EPOCHS, RATE, IMAGES = 3, 1e-3, 128


def mnist() -> Split:
    """MNIST from HOLDFAST_DATA. Raises FlowError where that is unset, ModelError where the files are not there."""
    directory = environment.data_directory()
    if directory is None:
        raise FlowError("benchmark: expected HOLDFAST_DATA, the folder of the data sets, got none")
    return load(DataConfig(Dataset.MNIST, directory))


def lenet() -> nn.Sequential:
    """LeNet-5 with ReLU, untrained: float32 pixels [0, 1] (N, 1, 28, 28) -> logits (N, 10)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def trained(data: Split) -> nn.Sequential:
    """The trained network in eval mode, from the cache or trained now (a minute)."""
    network = lenet()
    path = environment.cache_folder() / "benchmarks" / "lenet5-mnist.safetensors"
    if not path.is_file():
        _train(network, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        _keep(network, path)
    network.load_state_dict(load_file(path))
    return network.eval()


def _train(network: nn.Sequential, data: Split) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for layer in network:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        optimizer = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(EPOCHS):
            for part in torch.randperm(len(data.train_x)).split(IMAGES):
                x = torch.from_numpy(data.train_x[part.numpy()].astype(np.float32) / 255)
                loss = nn.functional.cross_entropy(network(x), torch.from_numpy(data.train_y[part.numpy()]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def _keep(network: nn.Sequential, path: Path) -> None:
    partial = path.with_suffix(f".{os.getpid()}")
    save_file(network.state_dict(), partial)
    partial.replace(path)
