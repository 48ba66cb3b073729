"""Dataflow to a shared library with Verilator: cached, and whole or absent whenever the process is killed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from flows.simulate.objects import COMPILE, compile_objects
from flows.simulate.toolchain import Toolchain, find_toolchain, run_tool
from hw.dataflow import Dataflow
from hw.registers import blocks
from hw.top.stitch import stitch, stream_signals, top_module

DRIVER = Path(__file__).with_name("driver.cpp")
# Every warning is an error, but for unnamed generate blocks (our parameter checks); noise in uninitialised registers
# shows a missing reset.
VERILATOR = (
    *("--cc", "--prefix", "Vtop", "-Wall", "-Wno-GENUNNAMED", "-O3"),
    *("--x-assign", "unique", "--x-initial", "unique", "--no-timing"),
    *("--output-split", "20000", "--output-split-cfuncs", "2000"),
)
SOURCES = (".vlt", ".v", ".sv")  # in this order: a waiver comes before what it speaks of


def design_key(files: Mapping[str, str]) -> str:
    """sha256 of what is compiled: the names and texts of a circuit's sources. Its memories are read when it starts, so
    one library serves every network of a structure; `Simulator` compares the memories themselves."""
    sources = [(name, text) for name, text in sorted(files.items()) if name.endswith(SOURCES)]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def build(dataflow: Dataflow, folder: Path, driver: Path = DRIVER, *, files: Mapping[str, str] | None = None) -> Path:
    """Writes the circuit to `folder/rtl` and compiles it to `folder/library.so`; returns that path.

    `folder` is made if missing; `driver`: the C++ around the circuit's class `Vtop`; `files`: another circuit with the
    same top module, name -> text (default: what is stitched from the dataflow). What is already there is kept
    when the sources, Verilator, the compiler and their options are the same. Raises FlowError for a missing tool or
    where a tool refuses the circuit (its first message is quoted), HardwareError where the dataflow cannot be
    stitched.
    """
    files = stitch(dataflow) if files is None else files
    tools = find_toolchain()
    design = design_key(files)
    parts = [design, tools.versions, *tools.compiler, *VERILATOR, *COMPILE, driver.read_text(), os.uname().machine]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    library, stamp = folder / "library.so", folder / "library.json"
    if not _is_current(stamp, library, key):
        stamp.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        _write_rtl(files, folder / "rtl")
        with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as work:
            built = _compile(tools, folder / "rtl", sorted(files), dataflow, design, Path(work), driver)
            os.replace(built, library)
            note = Path(work) / "stamp"
            note.write_text(json.dumps({"key": key, "library": _sha256(library)}) + "\n")
            os.replace(note, stamp)
    else:
        _write_rtl(files, folder / "rtl")
    return library


def _is_current(stamp: Path, library: Path, key: str) -> bool:
    try:
        record = json.loads(stamp.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return library.is_file() and record == {"key": key, "library": _sha256(library)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_rtl(files: Mapping[str, str], folder: Path) -> None:
    """Makes `folder` hold exactly `files`; those already right are left untouched."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files and path.is_file():
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def _compile(
    tools: Toolchain, rtl: Path, names: list[str], dataflow: Dataflow, design: str, work: Path, driver: Path
) -> Path:
    rtl, work, top = rtl.resolve(), work.resolve(), top_module(dataflow)
    visible = work / "visible.vlt"
    visible.write_text(_visible(dataflow))
    sources = [str(visible), *(name for end in SOURCES for name in names if name.endswith(end))]
    run_tool([tools.verilator, *VERILATOR, "--top-module", top, "--Mdir", str(work), *sources], rtl, tools, "Verilator")
    (work / "streams.inc").write_text(_streams(dataflow, (work / "Vtop___024root.h").read_text()))
    # The name of the scratch folder stays out of the objects: equal circuits give equal libraries.
    flags = [f"-ffile-prefix-map={work}=.", f"-I{work}", f'-DHOLDFAST_DESIGN="{design}"']
    flags.append(f"-DHOLDFAST_WRITABLE={int(bool(blocks(dataflow)))}")
    objects = compile_objects(tools, [driver.resolve(), *sorted(work.glob("Vtop*.cpp"))], flags, work)
    library = work / "library.so"
    link = [*tools.compiler, "-shared", "-fPIC", "-pthread", "-Wl,-Bsymbolic", *map(str, objects), "-o", str(library)]
    run_tool(link, work, tools, "the C++ linker")
    return library


def _visible(dataflow: Dataflow) -> str:
    """Verilator's configuration that keeps the handshakes of the streams readable; the circuit's files stay as they
    are."""
    signals = (signal for pair in stream_signals(dataflow).values() for signal in pair)
    lines = (f'public_flat_rd -module "{top_module(dataflow)}" -var "{signal}"\n' for signal in signals)
    return "`verilator_config\n" + "".join(lines)


def _streams(dataflow: Dataflow, root: str) -> str:
    """`streams.inc` of the driver; `root` is the header in which Verilator names the signals. Empty for a circuit that
    does not have all of them."""
    found = re.findall(r"\b(\w+__DOT__(s\d+_(?:valid|ready)));", root)
    # The top's own have the shortest name: an operator may have signals that are called alike.
    members = {signal: member for member, signal in sorted(found, key=lambda pair: -len(pair[0]))}
    pairs = stream_signals(dataflow).values()
    if not all(v in members and r in members for v, r in pairs):
        return ""
    return "".join(f"STREAM({members[v]}, {members[r]})\n" for v, r in pairs)
