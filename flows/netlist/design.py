"""The JSON netlist that Yosys and nextpnr write: cells, their pins, and the names of nets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from flows.errors import FlowError

#: A net's number, or a constant: "0", "1", "x" or "z".
Bit = int | str


@dataclass(frozen=True, slots=True)
class Cell:
    """`kind`: its module. `parameters`: as written, bits as text of 0 and 1. `inputs`, `outputs`: pin -> its bits,
    lowest first; a pin that nothing is tied to has none."""

    name: str
    kind: str
    parameters: dict[str, str]
    inputs: dict[str, tuple[Bit, ...]]
    outputs: dict[str, tuple[Bit, ...]]


@dataclass(frozen=True, slots=True)
class Design:
    """One flat module. `nets`: name -> its bits, lowest first; several names may stand for one net."""

    cells: tuple[Cell, ...]
    nets: dict[str, tuple[Bit, ...]]

    @classmethod
    def read(cls, path: Path, top: str) -> Design:
        """The module `top` of a file. Raises FlowError for anything but a netlist that has it."""
        try:
            module = json.loads(path.read_text())["modules"][top]
            cells = tuple(_cell(name, cell) for name, cell in module["cells"].items())
            return cls(cells, {name: tuple(net["bits"]) for name, net in module["netnames"].items()})
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise FlowError(
                f"{path}: expected a netlist with module {top!r}, got {error!r}; synthesize again"
            ) from error


def _cell(name: str, record: dict) -> Cell:
    pins = {"input": {}, "output": {}, "inout": {}}
    for pin, bits in record["connections"].items():
        pins[record["port_directions"][pin]][pin] = tuple(bits)
    return Cell(name, record["type"], dict(record["parameters"]), pins["input"] | pins["inout"], pins["output"])
