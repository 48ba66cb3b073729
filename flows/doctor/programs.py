"""Programs outside Python: the C++ compiler, Vivado, containers, loaders of bitstreams."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from flows import environment
from flows.doctor.finding import Finding, State
from flows.errors import FlowError

GROUP = "programs"
SECONDS = 30
PROBE = '#include <vector>\nextern "C" int probe() { return static_cast<int>(std::vector<int>(3).size()); }\n'


@dataclass(frozen=True, slots=True)
class Program:
    """`names`: the first of them on PATH counts; `version`: its option that prints one."""

    name: str
    names: tuple[str, ...]
    version: str
    enables: str
    get: str


PROGRAMS = (
    Program("make", ("make",), "--version", "make demo, make test", "apt-get install make"),
    Program("git", ("git",), "--version", "a clone of the project", "apt-get install git"),
    Program(
        "openFPGALoader",
        ("openFPGALoader",),
        "--Version",
        "loading a bitstream into a ULX3S",
        "apt-get install openfpgaloader",
    ),
    Program("container", ("docker", "podman", "buildah"), "--version", "Dockerfile.finn", "apt-get install buildah"),
    Program("xbutil", ("xbutil", "xrt-smi"), "--version", "an Alveo card", "install AMD's XRT for the card"),
)
VIVADO_GET = "install Vivado from AMD, then: export XILINX_VIVADO=/tools/Xilinx/Vivado/2022.2"


def find_programs() -> list[Finding]:
    return [_compiler(), *map(_program, PROGRAMS), _vivado()]


def _program(program: Program) -> Finding:
    path = next((found for name in program.names if (found := shutil.which(name))), None)
    state, detail = (State.MISSING, "") if path is None else _answer([path, program.version])
    return Finding(program.name, GROUP, state, detail, program.enables, program.get)


def _answer(command: list[str]) -> tuple[State, str]:
    """The first line that a program prints about itself."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return State.BROKEN, f"{command[0]} does not run: {error}"
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return State.FOUND, lines[0] if lines else Path(command[0]).name


def _compiler() -> Finding:
    """It must make a shared library out of C++17 with the standard library, as the simulation does."""
    state, detail = State.FOUND, ""
    try:
        command = environment.cxx()
    except FlowError as error:
        state, detail = State.MISSING, str(error)
    else:
        state, detail = _answer([*command, "--version"])
        if state is State.FOUND and (why := _compile_error(command)):
            state, detail = State.BROKEN, f"{detail}: {why}"
    return Finding("C++ compiler", GROUP, state, detail, "the circuit's simulation", "apt-get install g++", True)


def _compile_error(command: tuple[str, ...]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cpp"
        source.write_text(PROBE)
        whole = [*command, "-std=c++17", "-shared", "-fPIC", str(source), "-o", str(Path(folder) / "probe.so")]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
    return "" if done.returncode == 0 else "cannot compile a C++17 library: " + "".join(done.stderr.splitlines()[:1])


def _vivado() -> Finding:
    folder = environment.vivado()
    if folder is None:
        state, detail = State.MISSING, ""
    elif not (folder / "bin" / "vivado").is_file():
        state, detail = State.BROKEN, f"{folder} (XILINX_VIVADO) has no bin/vivado"
    else:
        state, detail = State.FOUND, str(folder)
    return Finding("Vivado", GROUP, state, detail, "bitstreams for AMD boards (build-amd)", VIVADO_GET)
