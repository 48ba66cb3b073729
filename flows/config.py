"""The complete configuration of a run: frozen dataclasses, read from TOML, unknown keys refused."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from brevitas_models.config import DataConfig, DefenceConfig, ModelConfig, NetworkConfig, QuantConfig, TrainConfig
from brevitas_models.errors import ModelError
from flows.attack.batch import LINF
from flows.attack.registry import LABELS, SCORES, attack_names
from flows.errors import FlowError, nearest

PRESETS = Path(__file__).parent / "presets"
T = typing.TypeVar("T")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a table"}


def _at_least(low: float, **values: float) -> None:
    for name, value in values.items():
        if not low <= value < float("inf"):
            raise FlowError(f"{name.replace('__', '.')}: expected {low:g} or more, got {value}")


def _seed(name: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        raise FlowError(f"{name}: expected 0 to {end - 1}, got {value}")


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

    def __post_init__(self) -> None:
        for name, value in (("epsilon", self.epsilon), *(("sweep", value) for value in self.sweep)):
            if not 0 <= value <= 1:
                raise FlowError(f"attack.{name}: expected pixel units from 0 to 1, got {value}")
        _at_least(1, attack__images=self.images, attack__pgd_steps=self.pgd_steps)
        _at_least(1, attack__pgd_restarts=self.pgd_restarts, attack__square_queries=self.square_queries)
        _at_least(1, attack__square_images=self.square_images)


class Writable(Enum):
    """Numbers of a circuit that can be rewritten."""

    THRESHOLDS = "thresholds"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class CompileConfig:
    """`target_fps` at `clock_mhz` asks for the smallest circuit of that frame rate, `fill_board` instead for the
    fastest that the board holds, and `folding_config_file` names a file that says it all (FINN's word and format).
    `fifo_depth`: beats between operators, 0 for no buffers, else at least 2. `max_utilization`: share of the board's
    LUT4 and flip-flops that the circuit may take by its estimates. `writable`: what can be rewritten without a new
    circuit (docs/registers.md)."""

    target_fps: int
    clock_mhz: float
    fifo_depth: int
    fill_board: bool = False
    folding_config_file: str = ""
    max_utilization: float = 0.85
    writable: tuple[Writable, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.max_utilization <= 1:
            raise FlowError(f"compile.max_utilization: expected a share above 0 up to 1, got {self.max_utilization}")
        if self.fill_board and self.folding_config_file:
            raise FlowError("compile.fill_board: expected no compile.folding_config_file beside it; choose one")
        _at_least(1, compile__target_fps=self.target_fps)
        if self.fifo_depth != 0:
            _at_least(2, compile__fifo_depth=self.fifo_depth)
        _at_least(0.001, compile__clock_mhz=self.clock_mhz)


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """Images per rung, adversarial ones included; 0 means all test images. `finn` and `qonnx` are slow executors;
    `netlist`, `routed`: of the simulated gates before and after place and route."""

    qonnx: int
    finn: int
    golden: int
    rtl: int
    netlist: int
    routed: int

    def __post_init__(self) -> None:
        _at_least(0, verify__qonnx=self.qonnx, verify__finn=self.finn, verify__golden=self.golden, verify__rtl=self.rtl)
        _at_least(0, verify__netlist=self.netlist, verify__routed=self.routed)


@dataclass(frozen=True, slots=True)
class BoardConfig:
    """`name`: a folder of `hw/boards`. `seed`: of place and route."""

    name: str
    seed: int

    def __post_init__(self) -> None:
        _seed("board.seed", self.seed, 2**31)


@dataclass(frozen=True, slots=True)
class HilConfig:
    """Attacks through the circuit: each of `attacks` (names of `flows.attack.registry` that need no gradients) on
    `images` images with at most `queries` queries each. `replay`: how many of each attack's adversarial images are
    replayed on the circuit, 0 for all."""

    images: int
    queries: int
    attacks: tuple[str, ...]
    replay: int

    def __post_init__(self) -> None:
        _at_least(1, hil__images=self.images)
        _at_least(3, hil__queries=self.queries)
        _at_least(0, hil__replay=self.replay)
        known = [name for access in (SCORES, LABELS) for name in attack_names(access, LINF)]
        for name in self.attacks:
            if name not in known:
                raise FlowError(f"hil.attacks: a circuit has no attack {name!r}{nearest(name, known)}")
        if not self.attacks or len(set(self.attacks)) < len(self.attacks):
            raise FlowError(f"hil.attacks: expected one or more different names, got {list(self.attacks)}")


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

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", self.name):
            raise FlowError(f"name: expected letters, digits, '.', '_' and '-' (it names a folder), got {self.name!r}")
        _seed("seed", self.seed, 2**32)
        self.model()

    def model(self) -> ModelConfig:
        """The part that decides the trained, defended network."""
        return ModelConfig(self.data, self.network, self.quant, self.defence, self.train, self.seed)


def preset_names() -> list[str]:
    """Names of the presets that ship with the package, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_preset(name: str) -> Config:
    """The complete preset `flows/presets/<name>.toml`. Raises FlowError for an unknown name."""
    names = preset_names()
    if name not in names:
        raise FlowError(f"unknown preset {name!r}{nearest(name, names)}; presets: {', '.join(names)}")
    return load_toml(PRESETS / f"{name}.toml")


def load_toml(path: Path) -> Config:
    """Reads one complete configuration. Raises FlowError for a missing file, bad TOML or whatever `parse` refuses."""
    return read_toml(path, Config)


def read_toml(path: Path, cls: type[T]) -> T:
    """Reads a file as the frozen dataclass `cls`; fields that have a default may be left out.

    Raises FlowError for a missing file, bad TOML, an unknown, missing or wrongly typed key, or what `cls` refuses;
    ModelError for a value that no network may have.
    """
    try:
        return _table(cls, tomllib.loads(path.read_text(encoding="utf-8")), "")
    except OSError as error:
        raise FlowError(f"{path}: expected a configuration in TOML, got {error.strerror}") from error
    except (FlowError, ModelError) as error:
        raise type(error)(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise FlowError(f"{path}: expected TOML, got {error}; mend it or start from a preset") from error


def parse(record: dict[str, object]) -> Config:
    """A record as TOML gives it -> Config. Nothing has a default: an incomplete record is refused.

    Raises FlowError (unknown, missing or wrongly typed key) or ModelError (a value that no network may have).
    """
    return _table(Config, record, "")


def override(config: Config, settings: Iterable[str]) -> Config:
    """Applies settings such as `train.epochs=3`, `quant.weight_bits=[8, 4, 4]` or `quant.activation=relu`.

    A value is read as TOML; what is not TOML is text. Raises as `parse` does, so all settings are checked together.
    """
    record = to_record(config)
    for setting in settings:
        path, equals, text = setting.partition("=")
        *sections, key = path.strip().split(".")
        if not equals or not key or len(sections) > 1:
            raise FlowError(f"--set: expected section.key=value, got {setting!r}")
        table = record
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise FlowError(f"{section}: it is a value, not a section; write --set {section}=...")
        table[key] = _value(text.strip(), isinstance(table.get(key), str))
    return parse(record)


def override_section(section: object, name: str, settings: Iterable[str]) -> object:
    """One section (a dataclass) with settings such as `compile.fifo_depth=2` applied; raises as `parse` does."""
    record = to_record(section)
    for setting in settings:
        path, equals, text = setting.partition("=")
        place, _, key = path.strip().rpartition(".")
        if not equals or place != name:
            raise FlowError(f"--set: expected {name}.key=value, got {setting!r}")
        record[key] = _value(text.strip(), isinstance(record.get(key), str))
    return _table(type(section), record, f"{name}.")


def to_record(config: object) -> dict[str, object]:
    """The configuration (or one section of it) as plain JSON-able values, in the order of the fields."""
    return {item.name: _plain(getattr(config, item.name)) for item in dataclasses.fields(config)}


def dump_toml(config: Config) -> str:
    """TOML text that `parse` reads back as an equal configuration."""
    record = to_record(config)
    lines = [f"{key} = {_toml(value)}" for key, value in record.items() if not isinstance(value, dict)]
    for section, table in record.items():
        if isinstance(table, dict):
            lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _table(cls: type, record: object, prefix: str) -> object:
    if not isinstance(record, dict):
        raise FlowError(f"{prefix.rstrip('.')}: expected a section, got {_came(record)}")
    hints = typing.get_type_hints(cls)
    known = [item.name for item in dataclasses.fields(cls)]
    required = [item.name for item in dataclasses.fields(cls) if not _has_default(item)]
    for key, value in record.items():
        if key not in known:
            what = "section" if isinstance(value, dict) else "key"
            raise FlowError(f"{prefix}{key}: unknown {what}{nearest(key, known, prefix)}")
    missing = [name for name in required if name not in record]
    if missing:
        raise FlowError(f"{prefix}{missing[0]}: missing; a configuration is complete, start from a preset")
    values = {name: _field(hints[name], record[name], f"{prefix}{name}") for name in known if name in record}
    try:
        return cls(**values)
    except ModelError as error:
        section = prefix.rstrip(".")
        raise error if str(error).startswith(section) else ModelError(f"{section}: {error}") from error


def _has_default(item: dataclasses.Field) -> bool:
    return item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING


def _field(hint: object, value: object, path: str) -> object:
    if dataclasses.is_dataclass(hint):
        return _table(hint, value, f"{path}.")
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        single, many = typing.get_args(hint)
        return _field(many if isinstance(value, list) else single, value, path)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise FlowError(f"{path}: expected {_WORDS[list]}, got {_came(value)}")
        inner = typing.get_args(hint)[0]
        indexed = dataclasses.is_dataclass(inner)
        return tuple(_field(inner, v, f"{path}[{i}]" if indexed else path) for i, v in enumerate(value))
    if isinstance(hint, type) and issubclass(hint, Enum):
        choices = [member.value for member in hint]
        if value not in choices:
            raise FlowError(f"{path}: expected one of {', '.join(choices)}, got {value!r}")
        return hint(value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise FlowError(f"{path}: expected {_WORDS[hint]}, got {_came(value)}")
    return value


def _came(value: object) -> str:
    return f"{_WORDS.get(type(value), type(value).__name__)} ({value!r})"


def _value(text: str, is_text: bool) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = parsed["value"] if len(parsed) == 1 else text
    return text if is_text and not isinstance(value, str) else value


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return to_record(value)
    if isinstance(value, Enum):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):  # JSON's escapes are TOML's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
