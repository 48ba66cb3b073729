"""A circuit's C++ to object files, with those of Verilator's run-time library."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.simulate.runtime import runtime_objects
from flows.simulate.toolchain import Toolchain, run_tool

JOBS = 2
# Small files at -O1 compile many times faster than one file at -O3, and simulate about 10 % slower.
COMPILE = (
    *("-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-w"),
    *("-DVERILATOR=1", "-DVM_TRACE=0", "-DVM_COVERAGE=0"),
)
UNIT_BYTES = 300_000


def compile_objects(tools: Toolchain, sources: Iterable[Path], flags: list[str], work: Path) -> list[Path]:
    """Compiles `sources` in `work`; `flags` come behind `COMPILE`. Raises FlowError where the compiler fails."""

    def compile_unit(unit: Path) -> Path:
        target = unit.with_suffix(".o")
        command = [*tools.compiler, *COMPILE, *flags, *tools.include_flags, "-c", str(unit), "-o", str(target)]
        run_tool(command, work, tools, "the C++ compiler")
        return target

    with ThreadPoolExecutor(JOBS) as pool:
        runtime = pool.submit(runtime_objects, tools, COMPILE, work)
        return [*pool.map(compile_unit, _units(sources, work)), *runtime.result()]


def _units(sources: Iterable[Path], work: Path) -> list[Path]:
    """Groups many small files into few units, because each reads the same long headers."""
    units: list[Path] = []
    group: list[str] = []
    size = 0
    for source in sources:
        if size > UNIT_BYTES:
            units.append(_unit(work, len(units), group))
            group, size = [], 0
        group.append(f'#include "{source}"\n')
        size += source.stat().st_size
    return [*units, _unit(work, len(units), group)]


def _unit(work: Path, index: int, lines: list[str]) -> Path:
    path = work / f"unit{index}.cpp"
    path.write_text("".join(lines))
    return path
