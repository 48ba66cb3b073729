"""The whole way from a dataflow to a bitstream for an ECP5 board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.errors import FlowError
from flows.netlist.design import Design
from flows.netlist.network import mapped_verilog
from flows.netlist.routed import TOP as NEXTPNR_TOP
from flows.netlist.routed import routed_verilog
from flows.synthesize import ecppack, nextpnr, usage, yosys
from flows.synthesize.step import sha256, step
from hw.boards import top
from hw.boards.board import Board
from hw.dataflow import Dataflow
from hw.identity import identity
from hw.top.stitch import instance_name, top_module

NETLIST, CONFIGURATION, ROUTED, TIMING = "netlist.json", "routed.config", "routed.json", "timing.json"
MAPPED_VERILOG, ROUTED_VERILOG = "netlist.v", "routed.v"
NEEDED_BYTES = 1 << 29


def synthesize(
    dataflow: Dataflow, board: Board, folder: Path, *, clock_mhz: float, seed: int, progress: Callable[[str], None]
) -> dict:
    """Builds the bitstream of `dataflow` on `board` in `folder` (made if missing); returns the record of
    `bitstream.json` (docs/architecture.md).

    Writes `rtl/`, `netlist.json`, `routed.config`, `routed.json`, `netlist.v` and `routed.v` (the network in both, to
    simulate), `timing.json`, `<board>.bit` and the tools' logs. A step that an earlier call finished on the same inputs
    is not done again: a killed call goes on where it stopped. `seed`: of place and route. `progress`: called with a
    few words.

    Raises HardwareError where the dataflow does not fit the board's link or the clock cannot be made; FlowError for
    a missing tool, a failing one (its error lines are quoted), a full disk, or a clock that the circuit does not
    reach: a bitstream that misses timing does not compute what was proven.
    """
    versions = {one.name: one.version() for one in (yosys.YOSYS, nextpnr.NEXTPNR, ecppack.ECPPACK)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(folder).free) < NEEDED_BYTES:
            needed = NEEDED_BYTES >> 20
            raise FlowError(f"{folder}: expected {needed} MB of free disk, found {free >> 20} MB: make room")
        return _Build(dataflow, board, folder, clock_mhz, seed, versions, progress).run()
    except OSError as error:
        raise FlowError(f"{error.filename or folder}: {error.strerror or error}; mend it and run again") from error


@dataclass(frozen=True)
class _Build:
    dataflow: Dataflow
    board: Board
    folder: Path
    clock_mhz: float
    seed: int
    versions: dict[str, str]
    progress: Callable[[str], None]

    @property
    def rtl(self) -> Path:
        return self.folder / "rtl"

    @property
    def bitstream(self) -> str:
        return f"{self.board.name}.bit"

    def run(self) -> dict:
        sources = self._write_rtl()
        synthesis = self._synthesize(sources)
        routing = self._place_and_route()
        self._write_verilog()
        self._pack()
        fmax = self._check_timing()
        self._check_device()
        return self._record(fmax, {"synthesis": synthesis, "place_and_route": routing})

    def _write_rtl(self) -> list[str]:
        """Names of the SystemVerilog files, in order. `rtl/` holds exactly this circuit afterwards."""
        fresh = self.folder / "rtl.partial"
        shutil.rmtree(fresh, ignore_errors=True)
        paths = top.write(self.dataflow, self.board, fresh, clock_mhz=self.clock_mhz)
        shutil.rmtree(self.rtl, ignore_errors=True)
        fresh.rename(self.rtl)
        return [path.name for path in paths if path.suffix == ".sv"]

    def _synthesize(self, sources: list[str]) -> float:
        def make(files: dict[str, str]) -> None:
            self.progress("synthesis")
            yosys.synthesize(self.rtl, commands, self.progress)
            # Yosys runs where its sources are and writes only there.
            (self.rtl / NETLIST).replace(self.folder / files[NETLIST])
            (self.rtl / yosys.LOG).replace(self.folder / yosys.LOG)
            (self.rtl / "yosys.console").unlink()

        multipliers = self.dataflow.resources().dsp > 0
        commands = yosys.script(sources, top.TOP, top_module(self.dataflow), NETLIST, multipliers=multipliers)
        inputs = {path.name: sha256(path) for path in sorted(self.rtl.iterdir())}
        inputs |= {"commands": commands, "version": self.versions["yosys"]}
        return step(self.folder, "synthesis", inputs, (NETLIST,), make)

    def _write_verilog(self) -> None:
        """The network before and after place and route, to simulate."""

        def make(files: dict[str, str]) -> None:
            mapped = Design.read(self.folder / NETLIST, top.TOP)
            (self.folder / files[MAPPED_VERILOG]).write_text(mapped_verilog(mapped, self.dataflow))
            routed = Design.read(self.folder / ROUTED, NEXTPNR_TOP)
            (self.folder / files[ROUTED_VERILOG]).write_text(routed_verilog(routed, mapped, self.dataflow))

        inputs = {file: sha256(self.folder / file) for file in (NETLIST, ROUTED)}
        inputs |= {"network": identity(self.dataflow)}
        step(self.folder, "verilog", inputs, (MAPPED_VERILOG, ROUTED_VERILOG), make)

    def _place_and_route(self) -> float:
        def make(files: dict[str, str]) -> None:
            self.progress("place and route")
            shutil.copyfile(self.board.constraints_path, self.folder / self.board.constraints_path.name)
            outputs = {"textcfg": files[CONFIGURATION], "write": files[ROUTED], "report": files[TIMING]}
            nextpnr.place_and_route(
                self.folder,
                self.board.nextpnr,
                NETLIST,
                self.board.constraints_path.name,
                outputs,
                clock_mhz=self.clock_mhz,
                seed=self.seed,
                progress=self.progress,
            )

        inputs = {
            NETLIST: sha256(self.folder / NETLIST),
            "constraints": sha256(self.board.constraints_path),
            "device": " ".join(self.board.nextpnr),
            "clock_mhz": repr(float(self.clock_mhz)),
            "seed": str(self.seed),
            "version": self.versions["nextpnr"],
        }
        return step(self.folder, "place_and_route", inputs, (CONFIGURATION, ROUTED, TIMING), make)

    def _pack(self) -> None:
        def make(files: dict[str, str]) -> None:
            self.progress("bitstream")
            ecppack.pack(self.folder, CONFIGURATION, files[self.bitstream])

        inputs = {CONFIGURATION: sha256(self.folder / CONFIGURATION), "version": self.versions["ecppack"]}
        step(self.folder, "pack", inputs, (self.bitstream,), make)

    def _check_timing(self) -> float:
        """The slowest clock's highest frequency, MHz. Raises FlowError where a clock is not reached."""
        clocks = nextpnr.clocks(self.folder / TIMING)
        for net, (reached, asked) in sorted(clocks.items()):
            if reached < max(asked, self.clock_mhz):
                raise FlowError(
                    f"timing missed: {net} reaches {reached:.2f} MHz, {max(asked, self.clock_mhz):g} MHz asked: lower "
                    "compile.clock_mhz, fold the network more, or try another board.seed "
                    f"(log: {self.folder / nextpnr.LOG})"
                )
        return min(reached for reached, _ in clocks.values())

    def _check_device(self) -> None:
        found = ecppack.idcode(self.folder / self.bitstream)
        if found != self.board.idcode:
            raise FlowError(f"{self.bitstream}: expected device id 0x{self.board.idcode:08x}, got 0x{found:08x}")

    def _record(self, fmax: float, seconds: dict[str, float]) -> dict:
        prefixes = [f"u_network.{instance_name(op)}." for op in self.dataflow.ops]
        used = usage.read(self.folder / ROUTED, prefixes)
        identity = top.identity(self.dataflow, self.board, clock_mhz=self.clock_mhz)
        return {
            "board": self.board.name,
            "device": self.board.device,
            **asdict(used.total),
            "slices": used.slices,
            "available": asdict(self.board.available),
            "fmax_mhz": round(fmax, 2),
            "clock_mhz": self.clock_mhz,
            "bitstream": self.bitstream,
            "bytes": (self.folder / self.bitstream).stat().st_size,
            "idcode": f"0x{self.board.idcode:08x}",
            "network_id": f"{identity.network_id:016x}",
            "build_id": f"{identity.build_id:016x}",
            "ops": [{"name": op.name, **asdict(one)} for op, one in zip(self.dataflow.ops, used.ops, strict=True)],
            "floorplan": {
                "width": self.board.columns,
                "height": self.board.rows,
                "cells": [list(cell) for cell in used.cells],
            },
            "seconds": seconds,
        }


def write_record(record: dict, folder: Path) -> None:
    """Writes what `synthesize` returned to `bitstream.json` in `folder`."""
    (folder / "bitstream.json").write_text(json.dumps(record, indent=1) + "\n")
