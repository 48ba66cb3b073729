"""The network in nextpnr's placed and routed netlist: its cells turned back into ones that there are models of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from flows.errors import FlowError
from flows.netlist.design import Bit, Cell, Design
from flows.netlist.network import CONSTANTS, NETWORK, write_network
from hw.dataflow import Dataflow
from hw.top.pins import Pin

TOP = "top"
"""What nextpnr calls its only module."""
MEMORIES = ("DP16KD", "MULT18X18D")
RAMW = {
    **{"WADO0": "D0", "WADO1": "B0", "WADO2": "C0", "WADO3": "A0"},
    **{"WDO0": "C1", "WDO1": "A1", "WDO2": "D1", "WDO3": "B1"},
}


def routed_verilog(routed: Design, mapped: Design, dataflow: Dataflow) -> str:
    """As `mapped_verilog`, of the netlist that nextpnr wrote after routing; `mapped`: what it was given.

    nextpnr keeps one of a net's names, so the border is found by any name that it had before. Raises FlowError as
    `mapped_verilog` does.
    """
    names: dict[Bit, list[str]] = defaultdict(list)
    for name, bits in mapped.nets.items():
        for index, bit in enumerate(bits):
            names[bit].append(f"{name}[{index}]" if len(bits) > 1 else name)
    clock = _clock(routed)

    def now(bit: Bit) -> Bit | None:
        if bit in CONSTANTS:
            return bit
        return next((routed.nets[name][0] for name in names[bit] if name in routed.nets), None)

    def find(pin: Pin) -> tuple[Bit | None, ...]:
        if pin.port == "clk":  # behind the global buffer, which nextpnr inserts
            return (clock,)
        bits = mapped.nets.get(f"{NETWORK}.{pin.instance}.{pin.port}", ())
        return tuple(now(bits[i]) if i < len(bits) else None for i in range(pin.low, pin.low + pin.bits))

    return write_network(_plain(routed), dataflow, find)


def _clock(routed: Design) -> Bit:
    found = {c.inputs["CLK"] for c in routed.cells if c.kind == "TRELLIS_FF" and c.name.startswith(f"{NETWORK}.")}
    if len(found) != 1:
        raise FlowError(f"expected the network's registers to have one clock, the routed netlist has {len(found)}")
    return found.pop()[0]


def _plain(design: Design) -> Design:
    wires = {}  # the write slice of a distributed memory only hands signals on
    for cell in design.cells:
        if cell.kind == "TRELLIS_RAMW":
            for output, pin in RAMW.items():
                for bit in cell.outputs.get(output, ()):
                    wires[bit] = (cell.inputs.get(pin) or ("x",))[0]
    cells = []
    for cell in design.cells:
        if cell.kind != "TRELLIS_RAMW":
            inputs = {pin: tuple(wires.get(bit, bit) for bit in bits) for pin, bits in cell.inputs.items()}
            cells += _cells(replace(cell, inputs=inputs))
    return replace(design, cells=tuple(cells))


def _cells(cell: Cell) -> list[Cell]:
    if cell.kind == "TRELLIS_FF":
        return [_register(cell)]
    if cell.kind in MEMORIES:
        return [_tied(cell)]
    if cell.kind != "TRELLIS_COMB":
        return [cell]
    mode, parameters = cell.parameters.get("MODE", "LOGIC"), cell.parameters
    # What nextpnr leaves open reads as one in a carry chain, whose tables it has changed for that, as zero elsewhere.
    left_open = ("1",) if mode == "CCU2" else ("0",)
    inputs = {pin: left_open for pin in "ABCD"} | {pin: bits or left_open for pin, bits in cell.inputs.items()}
    initial = parameters["INITVAL"][-16:].zfill(16)
    if mode == "RAMW_BLOCK":
        return []
    if mode == "CCU2":
        kept = {"INITVAL": initial, "CCU2_INJECT1": parameters["CCU2_INJECT1"]}
        fci = {"FCI": cell.inputs.get("FCI") or ("x",)}  # the start of a chain does not use it
        return [Cell(cell.name, "CARRY_HALF", kept, _some(inputs, "ABCD") | fci, _some(cell.outputs, ("F", "FCO")))]
    if mode == "DPRAM":
        kept = {"INITVAL": initial, "WREMUX": parameters["WREMUX"], "WCKMUX": parameters["WCKMUX"]}
        pins = (*"ABCD", "WD", "WAD0", "WAD1", "WAD2", "WAD3", "WRE", "WCK")
        return [Cell(cell.name, "DPRAM_BIT", kept, _some(inputs, pins), _some(cell.outputs, ("F",)))]
    if mode != "LOGIC":
        raise FlowError(f"{cell.name}: no simulation model of TRELLIS_COMB in mode {mode}")
    found = [Cell(cell.name, "LUT4", {"INIT": initial}, _some(inputs, "ABCD"), {"Z": cell.outputs["F"]})]
    if cell.outputs.get("OFX"):
        if cell.inputs.get("FXA"):
            kind, names = "L6MUX21", {"D0": inputs["FXA"], "D1": inputs["FXB"], "SD": inputs["M"]}
        else:
            kind, names = "PFUMX", {"ALUT": inputs["F1"], "BLUT": cell.outputs["F"], "C0": inputs["M"]}
        found.append(Cell(f"{cell.name}$OFX", kind, {}, names, {"Z": cell.outputs["OFX"]}))
    return found


def _some(pins: dict, names: tuple[str, ...] | str) -> dict:
    return {name: pins[name] for name in names if name in pins}


def _register(cell: Cell) -> Cell:
    """`SD` says whether the data come from the lookup table in front (DI) or from outside (M)."""
    parameters, data = dict(cell.parameters), "DI" if cell.parameters["SD"].strip() == "1" else "M"
    del parameters["SD"]
    inputs = {pin: bits for pin, bits in cell.inputs.items() if pin in ("CLK", "CE", "LSR") and bits}
    if "LSR" not in inputs:  # never reset
        inputs, parameters["LSRMUX"] = inputs | {"LSR": ("0",)}, "LSR"
    return Cell(cell.name, cell.kind, parameters, inputs | {"DI": cell.inputs[data]}, cell.outputs)


def _tied(cell: Cell) -> Cell:
    """Block RAM or multiplier: constants are not wires any more but settings of their pins."""
    inputs = {}
    for pin, bits in cell.inputs.items():
        setting = cell.parameters.get(f"{pin}MUX", "").strip()
        constant = {"INV": "0", "0": "0", "1": "1", pin: "1"}.get(setting, "x")
        inputs[pin] = bits or (constant,)
        if bits and setting == "INV" and not pin.startswith("CLK"):
            raise FlowError(f"{cell.name}: no simulation model of {cell.kind} with its pin {pin} inverted")
    clocks = ("CLKAMUX", "CLKBMUX")
    kept = {key: value for key, value in cell.parameters.items() if not key.endswith("MUX") or key in clocks}
    return replace(cell, parameters=kept, inputs=inputs)
