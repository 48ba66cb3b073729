"""What a campaign is made of: frozen dataclasses, read from TOML, unknown keys refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from flows.attack import registry
from flows.attack.batch import grid_budget
from flows.config import read_toml
from flows.errors import FlowError, nearest
from flows.link.driver import parse_address

NETWORKS = ("defended", "float", "quantized")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class Engine(Enum):
    """What answers: the PyTorch twin, the golden model, the simulated circuit, a board here, a server elsewhere."""

    TORCH = "torch"
    ONNXRUNTIME = "onnxruntime"
    RTL = "rtl"
    SERIAL = "serial"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class ImagesSpec:
    """`file`: an npz with `x`, uint8 (N, C, H, W), and `y`, the classes (N,), as a run's `data/test.npz`.
    `first`, `count`: which of them are attacked."""

    file: str
    first: int
    count: int

    def __post_init__(self) -> None:
        if self.first < 0 or self.count < 1:
            raise FlowError(f"images: expected first >= 0 and count >= 1, got {self.first} and {self.count}")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """`name`: of the rows. `run`: the run directory (all engines but remote). `network`: defended, float or quantized
    (torch only). `address`: HOST:PORT (remote) or serial:PORT[@BAUD] (serial); `token_file`: the server's token, if it
    asks for one (remote only)."""

    name: str
    engine: Engine
    run: str = ""
    network: str = ""
    address: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        remote, torch = self.engine is Engine.REMOTE, self.engine is Engine.TORCH
        serial = self.engine is Engine.SERIAL
        _check_name("targets", self.name)
        for key, wanted in (("run", not remote), ("network", torch), ("address", remote or serial)):
            if bool(getattr(self, key)) != wanted:
                what = "expected a value for" if wanted else "expected no"
                raise FlowError(f"target {self.name}: {what} {key} with the engine {self.engine.value}")
        if self.token_file and not remote:
            raise FlowError(f"target {self.name}: expected no token_file with the engine {self.engine.value}")
        if torch and self.network not in NETWORKS:
            raise FlowError(f"target {self.name}: unknown network {self.network!r}{nearest(self.network, [*NETWORKS])}")
        if serial:
            parse_address(self.address)


@dataclass(frozen=True, slots=True)
class AttackSpec:
    """`name`: of the rows. `attack`: in the registry. `targets`: names of those attacked. `epsilons`: budgets in pixel
    units, in the attack's norm. `parameters`: of the attack, without the seed. `source`: a torch target that is
    attacked in their place; the targets are then shown the images that fool it (for attacks that need gradients)."""

    name: str
    attack: str
    targets: tuple[str, ...]
    epsilons: tuple[float, ...]
    parameters: dict = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        _check_name("attacks", self.name)
        known = registry.parameters(self.attack)
        if "seed" in self.parameters:
            raise FlowError(f"attack {self.name}: expected no seed, every shard has its own; set the campaign's seed")
        for what, values in (("targets", self.targets), ("epsilons", self.epsilons)):
            if not values or len(set(values)) != len(values):
                raise FlowError(f"attack {self.name}: expected {what} without repetition, at least one, got {values}")
        for epsilon in self.epsilons:
            grid_budget(epsilon, self.norm)
        registry.build(self.attack, self.parameters | ({"seed": 0} if "seed" in known else {}))

    @property
    def norm(self) -> str:
        """In which `epsilons` are measured."""
        known = registry.parameters(self.attack)
        default = known["norm"].default if "norm" in known else registry.entry(self.attack).norms[0]
        return self.parameters.get("norm", default)


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """A whole campaign. `seed`: every shard's seed is derived from it. `shard_images`: images in a unit of work; it
    decides the random draws, the number of workers does not."""

    name: str
    seed: int
    shard_images: int
    images: ImagesSpec
    targets: tuple[TargetSpec, ...]
    attacks: tuple[AttackSpec, ...]

    def __post_init__(self) -> None:
        _check_name("name", self.name)
        if not 0 <= self.seed < 2**63 or self.shard_images < 1:
            raise FlowError(
                f"expected a seed from 0 to 2**63 - 1 and shard_images >= 1, got {self.seed} and {self.shard_images}"
            )
        for what, items in (("targets", self.targets), ("attacks", self.attacks)):
            names = [item.name for item in items]
            if not names or len(set(names)) != len(names):
                raise FlowError(
                    f"{what}: expected at least one, each with its own name, got {', '.join(names) or 'none'}"
                )
        for attack in self.attacks:
            for name in attack.targets + ((attack.source,) if attack.source else ()):
                self.target(name)
            self._check_gradients(attack)

    def _check_gradients(self, attack: AttackSpec) -> None:
        attacked = (attack.source,) if attack.source else attack.targets
        if registry.entry(attack.attack).access != registry.GRADIENTS:
            return
        for name in attacked:
            if self.target(name).engine is not Engine.TORCH:
                raise FlowError(
                    f"attack {attack.name}: {attack.attack} needs gradients, and {name} has none; give a torch target "
                    "as source, whose images are then tried on it"
                )

    def target(self, name: str) -> TargetSpec:
        """The target of this name. Raises FlowError where there is none."""
        for target in self.targets:
            if target.name == name:
                return target
        raise FlowError(f"unknown target {name!r}{nearest(name, [target.name for target in self.targets])}")


def load_spec(path: Path) -> CampaignSpec:
    """Reads a campaign's TOML file. Paths inside it are relative to the current folder. Raises FlowError."""
    return read_toml(path, CampaignSpec)


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise FlowError(f"{what}: expected a name of letters, digits, '.', '_' and '-', got {name!r}")
