"""Verilator's own run-time library, the same for every circuit: compiled once per machine and kept."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from flows.environment import cache_folder
from flows.simulate.toolchain import Toolchain, run_tool

SOURCES = ("verilated.cpp", "verilated_threads.cpp")


def runtime_objects(tools: Toolchain, flags: tuple[str, ...], work: Path) -> list[Path]:
    """Object files of the run-time library for these compiler flags, from the user's cache or compiled into it.

    The cache is `$XDG_CACHE_HOME/holdfast` or `~/.cache/holdfast`; where that cannot be written they land in `work`.
    Raises FlowError where the compiler fails.
    """
    key = hashlib.sha256("\0".join([tools.versions, *tools.compiler, *flags, os.uname().machine]).encode()).hexdigest()
    try:
        folder = cache_folder() / f"verilated-{key[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError):
        folder = work
    objects = []
    for source in SOURCES:
        target = folder / f"{Path(source).stem}.o"
        if not target.is_file():
            _compile(tools, flags, tools.include / source, target)
        objects.append(target)
    return objects


def _compile(tools: Toolchain, flags: tuple[str, ...], source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as folder:
        part = Path(folder) / target.name
        command = [*tools.compiler, *flags, *tools.include_flags, "-c", str(source), "-o", str(part)]
        run_tool(command, Path(folder), tools, "the C++ compiler")
        os.replace(part, target)
