"""A board as data: `hw/boards/<name>/board.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from hw.errors import HardwareError
from hw.op import Resources

ROOM = Path(__file__).parent
FILE = "board.toml"


@dataclass(frozen=True, slots=True)
class Board:
    """One FPGA board.

    `name`: its folder. `device`: the vendor's name. `nextpnr`: options that choose the device. `idcode`: 32-bit JTAG
    id that its bitstreams carry. `oscillator_mhz`: of the clock pin. `baud`: bits per second of the host link.
    `lut4`, `ff`, `ebr` (18-kbit block RAMs), `dsp` (18x18 multipliers), `slices`: what the device has. `columns`,
    `rows`: size of its grid of tiles. `constraints`: pin file, from `hw/boards`. `programming`: the command that loads
    a bitstream; `{bitstream}` stands for the file.

    Ports of the board top, as in the pin file: `clock_pin`, `rx_pin` (from the host), `tx_pin` (to the host),
    `reset_pin` (a button; empty where there is none), `led_pin` (`leds` many, 1 to 8), `high_pins` (outputs that stay
    high). `reset_low`, `leds_low`: active low.
    """

    name: str
    device: str
    nextpnr: tuple[str, ...]
    idcode: int
    oscillator_mhz: float
    baud: int
    lut4: int
    ff: int
    ebr: int
    dsp: int
    slices: int
    columns: int
    rows: int
    constraints: str
    programming: str
    clock_pin: str
    rx_pin: str
    tx_pin: str
    reset_pin: str
    reset_low: bool
    led_pin: str
    leds: int
    leds_low: bool
    high_pins: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return ROOM / self.name

    @property
    def constraints_path(self) -> Path:
        return ROOM / self.constraints

    @property
    def available(self) -> Resources:
        return Resources(self.lut4, self.ff, self.ebr, self.dsp)


def names() -> list[str]:
    """The boards known, sorted."""
    return sorted(path.parent.name for path in ROOM.glob(f"*/{FILE}"))


def load(name: str) -> Board:
    """Reads a board. Raises HardwareError for an unknown name or a file that does not describe a board."""
    if name not in names():
        raise HardwareError(f"unknown board {name!r}: expected one of {', '.join(names())}")
    path = ROOM / name / FILE
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise HardwareError(f"{path}: expected TOML, got {error}") from error
    return parse(name, values, str(path))


def parse(name: str, values: dict[str, object], where: str) -> Board:
    """A board from the keys of its file, every one required. Raises HardwareError that quotes `where`."""
    expected = {field.name: field.type for field in fields(Board) if field.name != "name"}
    if missing := sorted(expected.keys() - values.keys()):
        raise HardwareError(f"{where}: expected {', '.join(missing)}, found none")
    if unknown := sorted(values.keys() - expected.keys()):
        raise HardwareError(f"{where}: unknown {', '.join(unknown)}; expected only {', '.join(expected)}")
    checked: dict[str, object] = {}
    for key, kind in expected.items():
        value = values[key]
        if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and value > 0:
            checked[key] = value
        elif kind == "float" and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            checked[key] = float(value)
        elif kind == "bool" and isinstance(value, bool):
            checked[key] = value
        elif kind == "str" and isinstance(value, str) and (value or key == "reset_pin"):
            checked[key] = value
        elif kind == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(item, str) for item in value):
            checked[key] = tuple(value)
        else:
            raise HardwareError(f"{where}: expected {key} to be a positive {kind}, got {value!r}")
    if checked["leds"] > 8:
        raise HardwareError(f"{where}: expected at most 8 leds, got {checked['leds']}")
    return Board(name=name, **checked)
