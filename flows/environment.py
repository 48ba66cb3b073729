"""The one module that reads the environment. Everything else takes arguments.

HOLDFAST_DATA: folder of the data sets. HOLDFAST_THREADS: CPU threads to use. HOLDFAST_TRAININGS: where finished
trainings are kept for other runs. CXX: the C++ compiler. XDG_CACHE_HOME: where caches go. XILINX_VIVADO: folder of
AMD's Vivado.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from flows.errors import FlowError

_COMPILERS = ("g++", "c++", "clang++")


def data_directory() -> str | None:
    """Where the data sets lie (`HOLDFAST_DATA`), None where that is unset or empty."""
    return os.environ.get("HOLDFAST_DATA") or None


def threads() -> int:
    """CPU threads to use: `HOLDFAST_THREADS`, or 1. Raises FlowError.

    One by default: sums are rounded in an order that depends on the threads, so that a run is the same on every
    machine of a kind only where their number is, and a busy machine slows two spinning threads far below one.
    """
    text = os.environ.get("HOLDFAST_THREADS", "")
    if not text:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= 4096:
        raise FlowError(f"HOLDFAST_THREADS: expected a whole number from 1 to 4096, got {text!r}")
    return int(text)


def trainings() -> Path | None:
    """Where trained networks are kept for other runs (`HOLDFAST_TRAININGS`), None where that is unset or empty."""
    folder = os.environ.get("HOLDFAST_TRAININGS")
    return Path(folder) if folder else None


def cxx() -> tuple[str, ...]:
    """Command line of the C++ compiler: `CXX` (options allowed), or the first of g++, c++, clang++ on PATH.

    Raises FlowError where it is not there.
    """
    named = os.environ.get("CXX", "")
    try:
        words = shlex.split(named)
    except ValueError as error:
        raise FlowError(f"CXX: expected a command such as 'g++ -O1', got {named!r}: {error}; mend it") from error
    candidates = [words] if named.strip() else [[name] for name in _COMPILERS]
    for name, *options in candidates:
        if path := shutil.which(name):
            return (path, *options)
    names = ", ".join(words[0] for words in candidates)
    raise FlowError(f"expected a C++ compiler for the simulation, found none ({names}): run apt-get install g++")


def vivado() -> Path | None:
    """Folder of AMD's Vivado: `XILINX_VIVADO`, or where the `vivado` on PATH lies; None where there is neither."""
    if named := os.environ.get("XILINX_VIVADO"):
        return Path(named)
    path = shutil.which("vivado")
    return Path(path).resolve().parents[1] if path else None


def for_tools(**extra: str | Path) -> dict[str, str]:
    """The environment for a subprocess: this one with `extra` on top."""
    return os.environ | {name: str(value) for name, value in extra.items()}


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/holdfast`, or `~/.cache/holdfast`; not made here. RuntimeError where there is no home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"
