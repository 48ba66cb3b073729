"""Numbers of a circuit that can be rewritten while it stands: where they lie, and what turns one network into another.

A dataflow's writable operators share one address space of 32-bit words, one element or a column of elements each. An
update is a packet of (address, data); `hw/top/config_port.sv` lets it in between two frames only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hw.errors import HardwareError
from hw.op import Memory, Module, Op, Register

if TYPE_CHECKING:
    from hw.dataflow import Dataflow

ADDRESS_BITS = 24
DATA_BITS = 32
FILE = "registers.json"

Writes = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses of one operator: `base` to `base` + 2**`bits` - 1, `base` a multiple of 2**`bits`."""

    op: Op
    module: Module
    base: int
    bits: int

    def contents(self) -> dict[int, int]:
        """Address -> data, of all its registers, in order."""
        return {
            self.base + local: data
            for register in self.module.registers
            for local, data in register.contents(self.module.memories[register.memory]).items()
        }


def blocks(dataflow: Dataflow) -> tuple[Block, ...]:
    """One for each writable operator, in order; none where nothing can be rewritten. Raises HardwareError where 24
    address bits are not enough."""
    found, free = [], 0
    for op in dataflow.ops:
        module = op.module()
        if module.registers:
            bits = max(_last(register, module) for register in module.registers).bit_length()
            base = -(-free >> bits) << bits
            found.append(Block(op, module, base, bits))
            free = base + (1 << bits)
    if free > 1 << ADDRESS_BITS:
        raise HardwareError(
            f"{dataflow.name}: expected at most 2**{ADDRESS_BITS} writable words, its addresses need {free}; make "
            "fewer operators writable"
        )
    return tuple(found)


def _last(register: Register, module: Module) -> int:
    memory = module.memories[register.memory]
    return register.base + (len(memory.words) - 1 << register.shift) + register.columns(memory) - 1


def contents(dataflow: Dataflow) -> Writes:
    """Every writable word with what the circuit holds when it is configured, by ascending address."""
    return sorted(pair for block in blocks(dataflow) for pair in block.contents().items())


def writes(old: Dataflow, new: Dataflow) -> Writes:
    """The words to be written, by ascending address, so that the circuit of `old` computes `new`; empty where they are
    equal. Raises HardwareError where anything else than writable numbers differs: shapes, widths, operators, wiring."""
    for what, was, wanted in _fixed(old, new):
        if was != wanted:
            raise HardwareError(
                f"{what}: the circuit has {_short(was)}, the new network {_short(wanted)}: only the numbers of "
                "writable operators can change; build a new circuit"
            )
    held = dict(contents(old))
    return [(address, data) for address, data in contents(new) if held[address] != data]


def _fixed(old: Dataflow, new: Dataflow) -> Iterator[tuple[str, object, object]]:
    """(what, of the old, of the new) of all that must be equal."""
    yield "operators", [(op.name, op.kind) for op in old.ops], [(op.name, op.kind) for op in new.ops]
    for a, b in zip(old.ops, new.ops, strict=True):
        yield f"{a.name} sources", old.sources[a.name], new.sources[a.name]
        (was, arrays), (wanted, fresh) = a.to_record(), b.to_record()
        for key in sorted(was | wanted):
            yield f"{a.name} {key}", was.get(key), wanted.get(key)
        one, other = a.module(), b.module()
        free = {register.parameter for register in one.registers}
        for key in sorted(arrays | fresh):
            yield f"{a.name} {key}", arrays[key].shape, fresh[key].shape
            if key not in free:
                yield f"{a.name} {key}", arrays[key].tolist(), fresh[key].tolist()
        for key in sorted(one.parameters | other.parameters):
            yield f"{a.name} {key}", one.parameters.get(key), other.parameters.get(key)
        yield f"{a.name} registers", one.registers, other.registers


def _short(value: object, limit: int = 80) -> str:
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def record(dataflow: Dataflow) -> dict[str, object]:
    """The memory map, as `registers.json` has it (docs/registers.md)."""
    return {
        "address_bits": ADDRESS_BITS,
        "data_bits": DATA_BITS,
        "operators": [
            {
                "operator": block.op.name,
                "kind": block.op.kind,
                "base": block.base,
                "words": 1 << block.bits,
                "registers": [
                    _described(block, register, block.module.memories[register.memory])
                    for register in block.module.registers
                ],
            }
            for block in blocks(dataflow)
        ],
    }


def _described(block: Block, register: Register, memory: Memory) -> dict[str, object]:
    return {
        "parameter": register.parameter,
        "memory": register.memory,
        "base": block.base + register.base,
        "words": len(memory.words),
        "word_step": 1 << register.shift,
        "columns": register.columns(memory),
        "column_bits": register.column_bits,
        "word_bits": memory.width,
    }


def as_text(dataflow: Dataflow) -> str:
    return json.dumps(record(dataflow), indent=1) + "\n"
