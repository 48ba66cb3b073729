"""Cuts the network out of a netlist of the whole board, at its streams, and writes it as Verilog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flows.errors import FlowError
from flows.netlist.cells import instance
from flows.netlist.design import Bit, Cell, Design
from hw.dataflow import Dataflow
from hw.top.pins import Pin, stream_pins
from hw.top.stitch import top_module

NETWORK = "u_network"
CONSTANTS = ("0", "1", "x", "z")


def mapped_verilog(design: Design, dataflow: Dataflow) -> str:
    """The network in a netlist that Yosys has mapped: a module of the stream top's name and ports.

    It holds every cell that its outputs depend on, and wires `s<i>_data`, `s<i>_valid`, `s<i>_ready` for stream i of
    the dataflow as the stitched top has. Raises FlowError where a wire of its border is missing, a net has
    no driver or a cell has no model.
    """

    def find(pin: Pin) -> tuple[Bit | None, ...]:
        bits = design.nets.get(f"{NETWORK}.{pin.instance}.{pin.port}", ())
        return tuple(bits[i] if i < len(bits) else None for i in range(pin.low, pin.low + pin.bits))

    return write_network(design, dataflow, find)


def write_network(design: Design, dataflow: Dataflow, find: Callable[[Pin], tuple[Bit | None, ...]]) -> str:
    """As `mapped_verilog`; `find`: the nets behind a pin of an operator, None for one that has no net any more."""
    wires = {}
    for index, (_, pins) in enumerate(stream_pins(dataflow).items()):
        wires |= {f"s{index}_{wire}": find(pin) for wire, pin in pins.items()}
    first, last = next(iter(stream_pins(dataflow).values()))["valid"].instance, len(dataflow.streams) - 1
    border = {
        **{"clk": find(Pin(first, "clk", 0, 1)), "rst": find(Pin(first, "rst", 0, 1))},
        **{"in_data": wires["s0_data"], "in_valid": wires["s0_valid"], "out_ready": wires[f"s{last}_ready"]},
    }
    results = {
        **{"in_ready": wires["s0_ready"]},
        **{"out_data": wires[f"s{last}_data"], "out_valid": wires[f"s{last}_valid"]},
    }
    for name, bits in (border | results).items():
        if None in bits:
            raise FlowError(f"{dataflow.name}: expected the netlist to name the network's {name}; synthesize again")
    return _Writer(design, border, results, wires).text(top_module(dataflow))


@dataclass
class _Writer:
    design: Design
    border: dict[str, tuple[Bit, ...]]
    results: dict[str, tuple[Bit, ...]]
    wires: dict[str, tuple[Bit | None, ...]]

    def __post_init__(self) -> None:
        self.names = {
            bit: f"{name}[{index}]" if len(bits) > 1 else name
            for name, bits in self.border.items()
            for index, bit in enumerate(bits)
            if bit not in CONSTANTS
        }
        self.drivers = {bit: cell for cell in self.design.cells for bits in cell.outputs.values() for bit in bits}

    def text(self, module: str) -> str:
        cells = self._needed([bit for bits in self.results.values() for bit in bits])
        kept = {bit for cell in cells for bits in cell.outputs.values() for bit in bits} - self.names.keys()
        ports = [f"    input wire{_range(bits)} {name}" for name, bits in self.border.items()]
        ports += [f"    output wire{_range(bits)} {name}" for name, bits in self.results.items()]
        lines = [f"module {module} (", ",\n".join(ports), ");"]
        lines += [f"wire n{bit};" for bit in sorted(kept)]
        known = kept | self.names.keys() | set(CONSTANTS)
        for name, bits in self.wires.items():
            if known.issuperset(bits):
                lines.append(f"wire{_range(bits)} {name} = {self._joined(bits)};")
        lines += [f"assign {name} = {self._joined(bits)};" for name, bits in self.results.items()]
        lines += [instance(self._freed(cell), self._bit) for cell in cells]
        return "\n".join([*lines, "endmodule\n"])

    def _needed(self, wanted: list[Bit]) -> list[Cell]:
        """The cells that the wanted bits depend on, in the netlist's order. Stops at the border."""
        needed, seen = set(), set(self.names) | set(CONSTANTS)
        while wanted:
            bit = wanted.pop()
            if bit in seen:
                continue
            seen.add(bit)
            cell = self.drivers.get(bit)
            if cell is None:
                raise FlowError(f"net {bit} ({self._called(bit)}) of the network has no driver in the netlist")
            if cell.name not in needed:
                needed.add(cell.name)
                wanted += [other for bits in cell.inputs.values() for other in bits]
        return [cell for cell in self.design.cells if cell.name in needed]

    def _called(self, bit: Bit) -> str:
        return next((name for name, bits in self.design.nets.items() if bit in bits), "without a name")

    def _freed(self, cell: Cell) -> Cell:
        """Without the pins that drive the border: what is outside drives it now."""
        outputs = {pin: tuple(None if bit in self.names else bit for bit in bits) for pin, bits in cell.outputs.items()}
        return Cell(cell.name, cell.kind, cell.parameters, cell.inputs, outputs)

    def _joined(self, bits: tuple[Bit, ...]) -> str:
        return f"{{{', '.join(self._bit(bit) for bit in reversed(bits))}}}"

    def _bit(self, bit: Bit) -> str:
        return f"1'b{bit}" if bit in CONSTANTS else self.names.get(bit, f"n{bit}")


def _range(bits: tuple) -> str:
    return f" [{len(bits) - 1}:0]" if len(bits) > 1 else ""
