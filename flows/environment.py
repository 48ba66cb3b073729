"""The one module that reads the environment. Everything else takes arguments.

HOLDFAST_DATA: folder of the data sets. HOLDFAST_THREADS: CPU threads to use. HOLDFAST_DEVICE, HOLDFAST_DEVICES,
HOLDFAST_PRECISION: on what networks are trained. HOLDFAST_TRAININGS: where finished trainings are kept for other runs.
HOLDFAST_TENSORBOARD: where their metrics go for TensorBoard. CXX: the C++ compiler. XDG_CACHE_HOME: where caches go.
XILINX_VIVADO: folder of AMD's Vivado.
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
    return _number("HOLDFAST_THREADS", 4096)


def _number(name: str, most: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise FlowError(f"{name}: expected a whole number from 1 to {most}, got {text!r}")
    return int(text)


def _one_of(name: str, *choices: str) -> str:
    text = os.environ.get(name, "") or choices[0]
    if text not in choices:
        raise FlowError(f"{name}: expected one of {', '.join(choices)}, got {text!r}")
    return text


def device() -> str:
    """Where networks are trained (`HOLDFAST_DEVICE`): cpu, cuda, or auto, a GPU where one is. Raises FlowError."""
    return _one_of("HOLDFAST_DEVICE", "cpu", "cuda", "auto")


def devices() -> int:
    """How many processes train together, each on a device of its own: `HOLDFAST_DEVICES`, or 1. Raises FlowError."""
    return _number("HOLDFAST_DEVICES", 64)


def precision() -> str:
    """Of training (`HOLDFAST_PRECISION`): float32 or bfloat16. Raises FlowError."""
    return _one_of("HOLDFAST_PRECISION", "float32", "bfloat16")


def trainings() -> Path | None:
    """Where trained networks are kept for other runs (`HOLDFAST_TRAININGS`), None where that is unset or empty."""
    folder = os.environ.get("HOLDFAST_TRAININGS")
    return Path(folder) if folder else None


def tensorboard() -> Path | None:
    """Where TensorBoard's files go (`HOLDFAST_TENSORBOARD`), None where that is unset or empty."""
    folder = os.environ.get("HOLDFAST_TENSORBOARD")
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
