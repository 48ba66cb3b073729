"""Digits, and networks trained on them in a second."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from flows.targets.torch_target import TorchTarget, to_pixels

TRAIN = 1400


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """uint8 (1797, 1, 8, 8) and int64 (1797,); the first TRAIN are for training."""
    pixels, labels = load_digits(return_X_y=True)
    return np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8), labels.astype(np.int64)


@pytest.fixture(scope="session")
def data(digits: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The first 100 test images and their classes."""
    return digits[0][TRAIN : TRAIN + 100], digits[1][TRAIN : TRAIN + 100]


@pytest.fixture(scope="session")
def network(digits: tuple[np.ndarray, np.ndarray]) -> torch.nn.Sequential:
    """A float network of one hidden layer, trained; not to be changed."""
    x, y = to_pixels(digits[0][:TRAIN]), torch.from_numpy(digits[1][:TRAIN])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (torch.nn.Flatten(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
        module = torch.nn.Sequential(*layers)
        optimizer = torch.optim.Adam(module.parameters(), 1e-2)
        for _ in range(120):
            loss = torch.nn.functional.cross_entropy(module(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return module.eval()


@pytest.fixture
def target(network: torch.nn.Sequential) -> TorchTarget:
    """The float network, with a fresh query counter."""
    return TorchTarget(network, None)


@pytest.fixture(scope="session")
def masked(network: torch.nn.Sequential, digits: tuple[np.ndarray, np.ndarray]) -> torch.nn.Sequential:
    """The same first layer, then a sign, whose gradient is zero, then a readout fitted by least squares."""
    first = torch.nn.Sequential(network[0], network[1], Sign())
    readout = torch.nn.Linear(32, 10)
    with torch.no_grad():
        hidden = first(to_pixels(digits[0][:TRAIN]))
        hidden = torch.cat([hidden, torch.ones(len(hidden), 1)], dim=1).numpy()
        wanted = np.eye(10, dtype=np.float32)[digits[1][:TRAIN]] * 20
        solution = np.linalg.lstsq(hidden, wanted, rcond=None)[0].astype(np.float32)
        readout.weight.copy_(torch.from_numpy(np.ascontiguousarray(solution[:-1].T)))
        readout.bias.copy_(torch.from_numpy(solution[-1]))
    return torch.nn.Sequential(first, readout)


class Sign(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sign(x)
