"""The kinds of cases that `python -m tests.fuzz` runs, each as batches of (first seed, cases in it, function)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.drawer import Seeded
from tests.fuzz.operator_check import check_numpy, check_onnx
from tests.fuzz.operators import DRAW

if TYPE_CHECKING:
    from tests.fuzz.circuits import Structure

#: Why a drawn network may have no circuit: weights of 8 bits cannot take up a scale per channel in front of them.
REFUSAL = "a scale per channel, which needs weights of"
Batch = tuple[int, int, Callable[[], str]]
TOGETHER = 150
"""Operators in one session of onnxruntime."""
VARIANTS = 80
"""Networks of one structure, that is, of one build in Verilator."""
DRAWS, APART = 10, 10**9
"""Structures that are tried where one is refused; how far apart their seeds are."""


class Refused(Exception):
    """A network that the compiler refuses, for the one reason for which it may."""


def operators(seed: int, count: int) -> Iterator[Batch]:
    kinds = list(DRAW)

    def run(first: int, size: int) -> str:
        cases = []
        for one in range(first, first + size):
            drawer = Seeded(one, 3)
            cases.append(check_numpy(DRAW[kinds[one % len(kinds)]](drawer), drawer))
        return f"{size} operators, {check_onnx(cases)} of them in onnxruntime"

    for first in range(seed, seed + count, TOGETHER):
        size = min(TOGETHER, seed + count - first)
        yield first, size, lambda first=first, size=size: run(first, size)


def _network(seed: int, *, circuit: bool) -> str:
    from flows.compile.refuse import Unsupported
    from tests.fuzz import branches, networks  # finn and qonnx take long to come
    from tests.fuzz.check import check

    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        case = (branches if seed % 2 else networks).draw(seed, Path(name))
        try:
            return f"{case.text}\n  {check(case, Path(name), circuit=circuit)}"
        except Exception as error:
            if isinstance(error, Unsupported) and REFUSAL in str(error):
                raise Refused(f"{case.text}\n  {error}") from None
            error.add_note(case.text)
            raise


def graphs(seed: int, count: int) -> Iterator[Batch]:
    for one in range(seed, seed + count):
        yield one, 1, lambda one=one: _network(one, circuit=False)


def chains(seed: int, count: int) -> Iterator[Batch]:
    for one in range(2 * seed, 2 * (seed + count), 2):
        yield one, 1, lambda one=one: _network(one, circuit=True)


def _structure(first: int, folder: Path) -> Structure:
    """The structure of seed `first`, or of the next one that is not refused."""
    from flows.compile.refuse import Unsupported
    from tests.fuzz.circuits import Structure

    for again in range(DRAWS):
        try:
            return Structure.draw(first + again * APART, Path(tempfile.mkdtemp(dir=folder)))
        except Unsupported as error:
            if REFUSAL not in str(error):
                raise
    raise Refused(f"{DRAWS} structures one after the other, the first of seed {first}")


def circuits(seed: int, count: int) -> Iterator[Batch]:
    def run(first: int, size: int) -> str:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
            structure = _structure(first, Path(name))
            for one in range(first, first + size):
                structure.check(one)
            return f"{size} networks in one build: {structure.text}"

    for first in range(seed, seed + count, VARIANTS):
        size = min(VARIANTS, seed + count - first)
        yield first, size, lambda first=first, size=size: run(first, size)


FAMILIES: dict[str, Callable[[int, int], Iterator[Batch]]] = {
    **{"operators": operators, "networks": graphs, "circuits": circuits, "chains": chains},
}
