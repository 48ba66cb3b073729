"""The complete configuration of a run: frozen dataclasses, read from TOML, unknown keys refused."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from brevitas_models.config import DataConfig, DefenceConfig, ModelConfig, NetworkConfig, QuantConfig, TrainConfig
from flows.errors import FlowError

PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True, slots=True)
class AttackConfig:
    """`epsilon`: L-infinity budget of the headline figure (pixel units, 0..1). `sweep`: budgets of the accuracy
    curve. `images`: how many test images are attacked. `pgd_steps`, `pgd_restarts`. `square_queries`,
    `square_images`: budget of the gradient-free attack on the twin."""

    epsilon: float
    sweep: tuple[float, ...]
    images: int
    pgd_steps: int
    pgd_restarts: int
    square_queries: int
    square_images: int


@dataclass(frozen=True, slots=True)
class CompileConfig:
    """`target_fps` at `clock_mhz` decides the folding. `fifo_depth`: beats between operators."""

    target_fps: int
    clock_mhz: float
    fifo_depth: int


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """Images per rung, adversarial ones included; 0 means all test images. `finn` and `qonnx` are slow executors."""

    qonnx: int
    finn: int
    golden: int
    rtl: int


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """`name`: a folder of `hw/boards`. `seed`: of place and route."""

    name: str
    seed: int


@dataclass(frozen=True, slots=True)
class HilConfig:
    """Attack through the circuit: `images` by Square with at most `queries` queries each."""

    images: int
    queries: int


@dataclass(frozen=True, slots=True)
class Config:
    """A whole run. `name`: of the run directory. `seed`: of data order, initial weights and attacks."""

    name: str
    seed: int
    data: DataConfig
    network: NetworkConfig
    quant: QuantConfig
    defence: DefenceConfig
    train: TrainConfig
    attack: AttackConfig
    compile: CompileConfig
    verify: VerifyConfig
    board: BoardConfig
    hil: HilConfig

    def model(self) -> ModelConfig:
        """The part that decides the trained, defended network."""
        return ModelConfig(self.data, self.network, self.quant, self.defence, self.train, self.seed)


