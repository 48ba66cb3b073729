"""The rungs of gates: a netlist of the device's cells, cycle by cycle, against the golden integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.golden.session import GoldenSession
from flows.netlist.cells import models
from flows.netlist.probe import Probe, probe
from flows.simulate.build import build
from flows.simulate.simulator import Simulator
from flows.targets.layout import to_codes
from flows.verify.divergence import differing_images, locate
from flows.verify.rung import climbed, select
from hw.dataflow import Dataflow

ENGINE = "Verilator, ECP5 cells"
STALL_FRAMES = 4
STALL_SHARE = 0.3


@dataclass(frozen=True)
class Gates:
    """A rung: its `name`, the network's netlist as Verilog (`flows/netlist`), and how many images it gets (0: all)."""

    name: str
    verilog: Path
    images: int


def verify_gates(
    dataflow: Dataflow,
    images: np.ndarray,
    adversarial: int,
    rungs: list[Gates],
    work: Path,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, object]:
    """Simulates each netlist; the record is `netlist.json` (docs/architecture.md).

    `images`: uint8 (N, C, H, W), the clean ones first, then `adversarial` many. `work`: a folder for builds. Raises
    FlowError for a netlist that cannot be simulated or that stands still.
    """
    session, found = GoldenSession(dataflow), []
    for rung in rungs:
        check = _Check(dataflow, session, images, rung, work / rung.name, progress)
        chosen = select(len(images), adversarial, rung.images)
        found.append(climbed(rung.name, ENGINE, chosen, len(images) - adversarial, check))
    return {"rungs": found}


@dataclass(frozen=True)
class _Check:
    dataflow: Dataflow
    session: GoldenSession
    images: np.ndarray
    rung: Gates
    work: Path
    progress: Callable[[str], None]

    def __call__(self, chosen: np.ndarray) -> tuple:
        name = self.rung.name
        try:
            files = {"netlist.v": self.rung.verilog.read_text()} | models()
        except OSError as error:
            raise FlowError(f"{self.rung.verilog}: expected the netlist as Verilog, got {error.strerror}") from error
        self.progress(f"{name}: Verilator and the C++ compiler")
        codes = to_codes(self.images[chosen], self.dataflow.input.shape, "netlist")
        golden = self.session.run(codes)
        library = build(self.dataflow, self.work, files=files)
        self.progress(f"{name}: {len(chosen)} images")
        with Simulator(self.dataflow, library, files) as simulator:
            wrong = differing_images(golden, simulator.run(codes).outputs)
            few = codes[:STALL_FRAMES]
            stalled = simulator.run(few, stall_in=STALL_SHARE, stall_out=STALL_SHARE, seed=1).outputs
        wrong[:STALL_FRAMES] |= differing_images(golden[:STALL_FRAMES], stalled)
        if not wrong.any():
            return wrong, None, []
        suspect = int(np.flatnonzero(wrong)[0])
        self.progress(f"{name}: looking for the first operator that differs")
        return wrong, self._first(codes[suspect : suspect + 1], files) | {"image": suspect}, []

    def _first(self, codes: np.ndarray, files: Mapping[str, str]) -> dict[str, object]:
        """Where the streams of the netlist first leave the dataflow's: watched inside the whole circuit, one by one."""
        for stream, expected in self.dataflow.values(codes):
            probed = probe(self.dataflow, stream, files)
            if probed is None:
                continue
            self.progress(f"{self.rung.name}: looking for the first operator that differs, {stream}")
            if found := locate(stream.partition(".")[0], expected, self._watch(probed, codes)):
                return found
        raise FlowError(f"{self.rung.name}: wrong scores, but no stream is wrong without stalls; look for a handshake")

    def _watch(self, probed: Probe, codes: np.ndarray) -> np.ndarray:
        library = build(probed, self.work / probed.name, files=probed.files)
        with Simulator(probed, library, probed.files) as simulator:
            return simulator.run(codes).outputs
