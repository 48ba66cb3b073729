"""What a placed and routed design uses: per operator, in all, and where on the device."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from flows.errors import FlowError
from hw.op import Resources

KINDS = {"TRELLIS_COMB": "lut4", "TRELLIS_FF": "ff", "DP16KD": "ebr", "MULT18X18D": "dsp"}
_BEL = re.compile(r"X(\d+)/Y(\d+)/(SLICE[A-D])?")


@dataclass(frozen=True, slots=True)
class Usage:
    """`ops`: one entry per operator, in order; `total`: theirs and everything else; `slices`: used in part or whole;
    `cells`: one `(x, y, owner)` per used tile, owner the operator with most cells there, -1 for the rest."""

    ops: tuple[Resources, ...]
    total: Resources
    slices: int
    cells: tuple[tuple[int, int, int], ...]


def read(routed: Path, prefixes: list[str]) -> Usage:
    """Counts the cells of nextpnr's `--write` netlist.

    `prefixes`: the start of every cell name of each operator. `lut4` counts what a LUT position holds: logic, carry
    or distributed memory; the ends of carry chains, which nextpnr adds and names itself, belong to no operator.
    Raises FlowError for another file, or a cell that was not placed.
    """
    try:
        (module,) = json.loads(routed.read_text())["modules"].values()
        cells = module["cells"]
        rows = [(name, cell["type"], cell["attributes"].get("NEXTPNR_BEL", "")) for name, cell in cells.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FlowError(f"{routed}: expected nextpnr's netlist of one module, got {error!r}") from error
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    tiles: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    slices = set()
    for name, kind, bel in rows:
        if kind not in KINDS:
            continue
        match = _BEL.match(bel)
        if match is None:
            raise FlowError(f"{routed}: expected cell {name} to be placed, its place is {bel!r}")
        owner = next((index for index, prefix in enumerate(prefixes) if name.startswith(prefix)), -1)
        counts[owner][KINDS[kind]] += 1
        x, y = int(match[1]), int(match[2])
        tiles[x, y][owner] += 1
        if match[3]:
            slices.add((x, y, match[3]))
    ops = tuple(Resources(**counts[index]) for index in range(len(prefixes)))
    owners = ((x, y, max(sorted(count), key=count.__getitem__)) for (x, y), count in sorted(tiles.items()))
    return Usage(ops, sum(ops, Resources(**counts[-1])), len(slices), tuple(owners))
