"""On what a network is trained: one thread of this process, or what was asked for. Needs no further package."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor, nn

from brevitas_models.errors import ModelError

Progress = Callable[[int, dict[str, object]], None]


class Device(StrEnum):
    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"


class Precision(StrEnum):
    """Of convolutions and linear layers in training. Parameters, batch norm and quantizers are float32 in any case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, slots=True)
class Compute:
    """`device`: where, AUTO for a GPU if there is one. `devices`: how many processes train together, each on a device
    of its own and its share of every batch. `precision`. It decides the bits of what is learned, and never what
    the trained network computes: that is evaluated and deployed in float32."""

    device: Device = Device.CPU
    devices: int = 1
    precision: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", Device(self.device))
        object.__setattr__(self, "precision", Precision(self.precision))
        if not 1 <= self.devices <= 64:
            raise ModelError(f"devices: expected 1 to 64, got {self.devices}")

    def resolved(self) -> Compute:
        """The same without AUTO. Raises ModelError where torch sees fewer GPUs than asked for."""
        if self.device is Device.AUTO:
            return replace(self, device=Device.CUDA if torch.cuda.is_available() else Device.CPU).resolved()
        if self.device is Device.CUDA and torch.cuda.device_count() < self.devices:
            raise ModelError(
                f"device: expected {self.devices} CUDA devices, torch {torch.__version__} sees "
                f"{torch.cuda.device_count()}; train on cpu, or install torch's build for CUDA"
            )
        return self


class Team(Protocol):
    """The processes that train one network, seen from one of them; `rank` 0 writes files and reports."""

    device: torch.device
    rank: int
    size: int

    def precision(self) -> AbstractContextManager:
        """The context in which losses are computed."""

    def average(self, network: nn.Module, figures: Tensor) -> list[float]:
        """Makes gradients the team's mean and gives that of `figures`, float32 (n,)."""

    def settle(self, network: nn.Module) -> None:
        """Makes batch norm's running statistics the team's mean. Raises ModelError where the weights are not equal."""


class Alone:
    """A team of one on the CPU in float32."""

    device, rank, size = torch.device("cpu"), 0, 1

    def precision(self) -> AbstractContextManager:
        return nullcontext()

    def average(self, network: nn.Module, figures: Tensor) -> list[float]:
        return figures.tolist()

    def settle(self, network: nn.Module) -> None:
        pass
