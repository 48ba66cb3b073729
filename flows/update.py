"""From one compiled network to another without a new circuit: the words to be written, as a file and in words."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from hw import registers
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.identity import identity

FORMAT = 1


def compare(old: Path, new: Path) -> dict[str, object]:
    """As `difference`, of two compiled folders. Raises HardwareError also where one holds no dataflow."""
    return difference(Dataflow.load(old), Dataflow.load(new))


def difference(before: Dataflow, after: Dataflow) -> dict[str, object]:
    """What turns the circuit of `before` into the network of `after`; JSON-able.

    `from`, `to`: identities (`hw.identity`). `writes`: [address, data] in the order of writing, the last one ends the
    packet. `operators`: words by operator. Raises HardwareError where nothing is writable, and where anything else
    differs than writable numbers.
    """
    blocks = registers.blocks(before)
    if not blocks:
        raise HardwareError(f"{before.name}: none of its numbers is writable; compile it again with compile.writable")
    writes = registers.writes(before, after)
    operators = Counter({block.op.name: 0 for block in blocks})
    for address, _ in writes:
        operators[next(b.op.name for b in reversed(blocks) if b.base <= address)] += 1
    return {
        "format": FORMAT,
        "from": identity(before),
        "to": identity(after),
        "writable_words": len(registers.contents(before)),
        "operators": dict(operators),
        "writes": [list(pair) for pair in writes],
    }


def write_record(record: dict[str, object], path: Path) -> None:
    """Whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(record) + "\n")
    os.replace(partial, path)
