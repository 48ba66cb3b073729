"""Small networks on the 8x8 digits, trained in about a second, of which it is known how they treat an attacker."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from flows.targets.torch_target import to_pixels

TRAIN = 1400
EPSILON = 0.1
ROUNDS = 120


def data() -> tuple[np.ndarray, np.ndarray]:
    """uint8 (1797, 1, 8, 8) and int64 (1797,); the first TRAIN are for training."""
    pixels, labels = load_digits(return_X_y=True)
    return np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8), labels.astype(np.int64)


class Sign(nn.Module):
    """-1, 0 or 1; its gradient is zero everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sign(x)


class Steep(nn.Module):
    """A smooth stand-in for `Sign`, to train with."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(3 * x)


class Hot(nn.Module):
    """Scores of another network, `scale` times as large."""

    def __init__(self, network: nn.Module, scale: float) -> None:
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x) * self.scale


class NoisyInput(nn.Module):
    """Gaussian noise on every pixel before the network, anew in every pass."""

    def __init__(self, network: nn.Module, deviation: float) -> None:
        super().__init__()
        self.network, self.deviation = network, deviation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x + self.deviation * torch.randn_like(x))


class NoisyOutput(nn.Module):
    """Gaussian noise on every score, anew in every pass."""

    def __init__(self, network: nn.Module, deviation: float) -> None:
        super().__init__()
        self.network, self.deviation = network, deviation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.network(x)
        return scores + self.deviation * torch.randn_like(scores)


def trained(seed: int, *, conv: bool = False, activation: type[nn.Module] = nn.ReLU, adversarial: bool = False):
    """A network of one hidden layer, or with two convolutions. `adversarial`: trained on PGD images of EPSILON."""
    digits, classes = data()
    x, y = to_pixels(digits[:TRAIN]), torch.from_numpy(classes[:TRAIN])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _layers(conv, activation)
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(ROUNDS):
            images = _attacked(network, x, y) if adversarial else x
            loss = nn.functional.cross_entropy(network(images), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def _layers(conv: bool, activation: type[nn.Module]) -> nn.Sequential:
    if conv:
        first = (nn.Conv2d(1, 8, 3, padding=1), activation(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1))
        return nn.Sequential(*first, activation(), nn.Flatten(), nn.Linear(128, 10))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), activation(), nn.Linear(48, 10))


def _attacked(network: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int = 5) -> torch.Tensor:
    images = (x + EPSILON * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
    for _ in range(steps):
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(network(images), y), images)
        images = (images + 0.3 * EPSILON * gradient.sign()).clamp(0, 1)
        images = torch.minimum(torch.maximum(images, x - EPSILON), x + EPSILON)
    return images.detach()


def hard_sign(seed: int, conv: bool = False) -> nn.Module:
    """Trained with a steep tanh, its readout fitted again on hard signs: no gradient reaches the input."""
    network = trained(seed, conv=conv, activation=Steep)
    layers = [Sign() if isinstance(layer, Steep) else layer for layer in network]
    body, readout = nn.Sequential(*layers[:-1]), layers[-1]
    digits, classes = data()
    with torch.no_grad():
        hidden = body(to_pixels(digits[:TRAIN]))
    optimizer = torch.optim.Adam(readout.parameters(), 1e-2)
    for _ in range(ROUNDS):
        loss = nn.functional.cross_entropy(readout(hidden), torch.from_numpy(classes[:TRAIN]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.Sequential(body, readout).eval()


def hot(seed: int, conv: bool = False, scale: float = 1e5) -> nn.Module:
    return Hot(trained(seed, conv=conv), scale)


def noisy_input(seed: int, conv: bool = False) -> nn.Module:
    return NoisyInput(trained(seed, conv=conv), 0.3)


def noisy_output(seed: int, conv: bool = False) -> nn.Module:
    """The noise is as large as the scores' own spread."""
    network = trained(seed, conv=conv)
    digits, _ = data()
    with torch.no_grad():
        spread = float(network(to_pixels(digits[:TRAIN])).std())
    return NoisyOutput(network, spread)


def undefended(seed: int, conv: bool = False) -> nn.Module:
    return trained(seed, conv=conv)


def adversarially_trained(seed: int, conv: bool = False) -> nn.Module:
    return trained(seed, conv=conv, adversarial=True)


#: Name -> how it is made, and what the audit has to say about it.
NETWORKS: dict[str, tuple[Callable[..., nn.Module], str]] = {
    "hard sign": (hard_sign, "masked"),
    "huge scores": (hot, "masked"),
    "noisy input": (noisy_input, "masked"),
    "noisy output": (noisy_output, "masked"),
    "undefended": (undefended, "sound"),
    "adversarially trained": (adversarially_trained, "sound"),
}
