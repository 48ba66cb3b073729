"""Section 6: where every operator lies on the device."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from flows.report.colours import css, operator_rgb
from flows.report.png import palette_uri
from flows.report.record import Record
from flows.report.run_files import RunFiles

LARGEST_SIDE = 1024
OPERATORS = 250
_DOTS = 4  # at most so many dots across one tile; what is beyond is drawn no denser


@dataclass(frozen=True, slots=True)
class Legend:
    name: str
    colour: str
    cells: int


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """`image`: data URI, row 0 of the device on top; `width`, `height`: tiles; `dots`: image pixels per tile side."""

    image: str
    width: int
    height: int
    dots: int
    cells: int
    legend: tuple[Legend, ...]

    @property
    def unit(self) -> str:
        """What `cells` counts: whole tiles where no two entries share one."""
        return "tiles" if self.dots == 1 else "cells"


def view(run: RunFiles) -> FloorPlan | None:
    """The floor plan of `bitstream.json`; None where there is none. Raises FlowError for a malformed record."""
    record = run.get("bitstream")
    if record is None or not record.has("floorplan"):
        return None
    plan = record.child("floorplan")
    width, height = plan.integer("width", 1, LARGEST_SIDE), plan.integer("height", 1, LARGEST_SIDE)
    names = [op.text("name") for op in record.children("ops")]
    if len(names) > OPERATORS:
        raise record.wrong("ops", f"at most {OPERATORS} operators", f"{len(names)}")
    cells = _cells(plan, width, height, len(names))
    picture, dots = draw(cells, width, height)
    owners = Counter(owner for _, _, owner in cells)
    entries = [*enumerate(names), (-1, "everything else")]
    legend = tuple(Legend(name, css(operator_rgb(index)), owners[index]) for index, name in entries)
    colours = [operator_rgb(index) for index in range(-1, len(names))]
    return FloorPlan(palette_uri(picture, colours), width, height, dots, len(cells), legend)


def draw(cells: list[tuple[int, int, int]], width: int, height: int) -> tuple[np.ndarray, int]:
    """Cells (x, y, operator or -1) -> uint8 (height * dots, width * dots) of palette indices, and `dots`.

    0 is empty, otherwise operator + 2. A tile is `dots` x `dots`, enough for the fullest tile's cells, one dot
    each in operator order; fuller tiles than 16 cells show the first dot of every equal share.
    """
    tiles: dict[tuple[int, int], list[int]] = {}
    for x, y, owner in cells:
        tiles.setdefault((x, y), []).append(owner)
    fullest = max(map(len, tiles.values()), default=1)
    dots = min(_DOTS, math.ceil(math.sqrt(fullest)))
    room = dots * dots
    picture = np.zeros((height * dots, width * dots), dtype=np.uint8)
    for (x, y), owners in tiles.items():
        owners = sorted(owners)
        if len(owners) > room:
            owners = [owners[index * len(owners) // room] for index in range(room)]
        tile = np.zeros(room, dtype=np.uint8)
        tile[: len(owners)] = np.array(owners) + 2
        picture[y * dots : (y + 1) * dots, x * dots : (x + 1) * dots] = tile.reshape(dots, dots)
    return picture, dots


def _cells(plan: Record, width: int, height: int, operators: int) -> list[tuple[int, int, int]]:
    cells = plan.items("cells")
    for index, cell in enumerate(cells.value):
        whole = isinstance(cell, list) and len(cell) == 3 and all(type(part) is int for part in cell)
        if not whole or not (0 <= cell[0] < width and 0 <= cell[1] < height and -1 <= cell[2] < operators):
            expected = f"[x below {width}, y below {height}, operator from -1 to {operators - 1}]"
            raise cells.wrong(index, expected, cell)
    return [tuple(cell) for cell in cells.value]
