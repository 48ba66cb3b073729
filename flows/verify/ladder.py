"""Climbs the ladder brevitas -> qonnx -> golden -> finn -> rtl (-> board): images, mismatches, first divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from flows.compile.finn_graph import run_finn_graph
from flows.compile.network import INPUT
from flows.compile.read.network import read_network
from flows.config import VerifyConfig
from flows.golden.session import GoldenSession, frames_within
from flows.simulate.build import build
from flows.simulate.simulator import Simulator
from flows.targets.layout import to_codes
from flows.verify.board_rung import BoardRung
from flows.verify.divergence import differing_images, first_in_circuit, locate
from flows.verify.reference import excuse, run_reference
from flows.verify.rung import climbed, select, unavailable
from hw.dataflow import Dataflow

STALL_FRAMES = 8
STALL_SHARE = 0.3
INSIDE_BYTES = 1 << 27  # of all streams of the frames that are compared at once


@dataclass(frozen=True)
class Evidence:
    """What there is to compare. `images`: uint8 (N, C, H, W), the clean ones first, then `adversarial` many;
    `brevitas`: the trained network's int64 scores (N, classes), None where there is only its QONNX file; `record`: of
    `compile.json`."""

    images: np.ndarray
    adversarial: int
    brevitas: np.ndarray | None
    model: Path
    finn: Path
    record: dict
    dataflow: Dataflow
    library: Path


def verify(
    evidence: Evidence,
    config: VerifyConfig,
    work: Path,
    progress: Callable[[str], None] = lambda text: None,
    board: BoardRung | None = None,
) -> dict[str, object]:
    """Runs every rung against the golden integers; the record is `verify.json` (docs/architecture.md).

    A mismatch is counted, never tolerated. Only a float rung may have `excused` cases, each proved by exact rational
    arithmetic to be the reference's own rounding. `work`: a folder for what a divergence hunt builds.
    `board`: the rung above the simulated circuit, where there is a board.
    """
    return _Ladder(evidence, work, progress).climb(config, board)


class _Ladder:
    def __init__(self, evidence: Evidence, work: Path, progress: Callable[[str], None]) -> None:
        self.evidence, self.work, self.progress = evidence, work, progress
        self.session = GoldenSession(evidence.dataflow)
        self.activations = {}
        if not evidence.dataflow.remembers:
            self.activations = read_network(evidence.model, evidence.dataflow.input.dtype).activations

    def codes(self, chosen: np.ndarray) -> np.ndarray:
        """The circuit's input for these images: NHWC, flattened where its input is flat."""
        return to_codes(self.evidence.images[chosen], self.evidence.dataflow.input.shape, "verify")

    def golden(self, chosen: np.ndarray) -> np.ndarray:
        """int64 (N, classes). A network that remembers computes the images before them too, as the export did."""
        dataflow = self.evidence.dataflow
        if not dataflow.remembers:
            return dataflow.result(self.session.run(self.codes(chosen))).scores
        return dataflow.result(self.session.run(self.codes(np.arange(chosen.max() + 1)))).scores[chosen]

    def climb(self, config: VerifyConfig, board: BoardRung | None) -> dict[str, object]:
        evidence = self.evidence
        total = len(evidence.images)
        checks = [
            ("brevitas", "PyTorch", config.golden, self._brevitas),
            ("qonnx", "qonnx executor", config.qonnx, self._qonnx),
            ("golden", "onnxruntime", config.golden, self._golden),
            ("finn", "FINN in Python", config.finn, self._finn),
            ("rtl", "Verilator", config.rtl, self._rtl),
        ]
        rungs = []
        for name, engine, wanted, check in checks:
            if name == "brevitas" and evidence.brevitas is None:
                continue
            if reason := self._missing(name):
                rungs.append(unavailable(name, engine, reason))
                continue
            chosen = select(total, evidence.adversarial, wanted)
            self.progress(f"{name}: {len(chosen)} images")
            rungs.append(climbed(name, engine, chosen, total - evidence.adversarial, check))
        if board and (reason := self._missing("board")):
            rungs.append(unavailable("board", board.target.name, reason))
        elif board:
            some = select(total, evidence.adversarial, board.images)
            self.progress(f"board: {len(some)} images")
            check = partial(self._board, board)
            rungs.append(climbed("board", board.target.name, some, total - evidence.adversarial, check))
        return {"rungs": rungs}

    def _missing(self, rung: str) -> str:
        """Why there cannot be this rung, empty where there is."""
        if names := self.evidence.dataflow.remembers:
            noise = f"the noise of {', '.join(names)} goes on from frame to frame"
            if rung == "golden":
                return f"{noise}, which ONNX cannot hold; numpy computes the golden integers"
            if rung == "board":
                return f"{noise}, and a board cannot be reset over its line to begin with the first one"
            if rung in ("qonnx", "finn"):
                return f"{noise}; the graph that this rung executes is the network without it"
        if rung == "finn" and self.evidence.record["finn"] is None:
            return self.evidence.record["finn_reason"]
        return ""

    def _brevitas(self, chosen: np.ndarray) -> tuple:
        golden, got = self.golden(chosen), self.evidence.brevitas[chosen]
        if self.evidence.dataflow.remembers:  # both draw the same integers: there is no rounding to excuse
            return differing_images(golden, got), locate("scores", golden, got), []
        return self._adjudicate(chosen, golden, got)

    def _qonnx(self, chosen: np.ndarray) -> tuple:
        return self._adjudicate(chosen, self.golden(chosen), None)

    def _adjudicate(self, chosen: np.ndarray, golden: np.ndarray, got: np.ndarray | None) -> tuple:
        """A float rung: images that differ are traced through the reference executor and judged exactly.

        The trained network keeps no trace of its own, so its differing images are excused only where the reference
        executor, which computes the same graph in the same float32, shows the same scores.
        """
        if got is None:
            suspects = np.arange(len(chosen))
        else:
            suspects = np.flatnonzero(differing_images(golden, got))
        wrong = np.zeros(len(chosen), dtype=bool)
        if not len(suspects):
            return wrong, None, []
        scores, reference = run_reference(
            self.evidence.model,
            self.evidence.images[chosen[suspects]],
            self.evidence.record,
            lambda done: self.progress(f"qonnx executor: {done} of {len(suspects)} images"),
        )
        codes = self.codes(chosen[suspects])
        inside = self.session.intermediates(codes) | {INPUT: codes}
        divergence, excused = None, []
        expected, seen = golden[suspects], scores if got is None else got[suspects]
        different = differing_images(expected, seen)
        if got is None:  # codes inside must agree as well, even where the scores happen to
            for name, values in reference.items():
                different |= differing_images(inside[name].reshape(values.shape), values)
        for i in np.flatnonzero(different):
            image = int(suspects[i])
            cases = excuse(i, reference, inside, self.activations) if np.array_equal(seen[i], scores[i]) else None
            if cases:
                excused += [case | {"image": image} for case in cases]
                continue
            wrong[image] = True
            divergence = divergence or self._first(i, image, expected, seen, inside, reference)
        return wrong, divergence, excused

    def _first(self, i: int, image: int, golden: np.ndarray, scores: np.ndarray, inside: dict, reference: dict) -> dict:
        for name, values in reference.items():
            found = locate(name, inside[name][i : i + 1].reshape(1, *values.shape[1:]), values[i : i + 1])
            if found:
                return found | {"image": image}
        return locate("scores", golden[i : i + 1], scores[i : i + 1]) | {"image": image}

    def _golden(self, chosen: np.ndarray) -> tuple:
        """onnxruntime against the operators' own numpy models, every intermediate value."""
        codes = self.codes(chosen)
        wrong, divergence = np.zeros(len(chosen), dtype=bool), None
        together = frames_within(self.evidence.dataflow, INSIDE_BYTES)
        for start in range(0, len(chosen), together):
            part = slice(start, start + together)
            inside = self.session.intermediates(codes[part])
            for name, values in self.evidence.dataflow.values(codes[part]):
                got = inside[name].reshape(values.shape)
                found = locate(name, values, got)
                wrong[part] |= differing_images(values, got)
                if found and divergence is None:
                    divergence = found | {"image": found["image"] + start, "against": "numpy"}
        return wrong, divergence, []

    def _finn(self, chosen: np.ndarray) -> tuple:
        evidence = self.evidence
        got = run_finn_graph(
            evidence.finn,
            evidence.images[chosen],
            evidence.record["finn"],
            lambda done: self.progress(f"finn: {done} of {len(chosen)} images"),
        )
        inside = self.session.intermediates(self.codes(chosen))
        wrong, divergence = np.zeros(len(chosen), dtype=bool), None
        for name, values in got.items():
            expected = inside[name].reshape(values.shape)
            wrong |= differing_images(expected, values)
            divergence = divergence or locate(name, expected, values)
        return wrong, divergence, []

    def _board(self, board: BoardRung, chosen: np.ndarray) -> tuple:
        codes = self.codes(chosen)
        return board.check(codes, self.session.run(codes))

    def _rtl(self, chosen: np.ndarray) -> tuple:
        dataflow, codes = self.evidence.dataflow, self.codes(chosen)
        golden = self.session.run(codes)
        with Simulator(dataflow, self.evidence.library) as simulator:
            outputs = simulator.run(codes).outputs
            few = codes[:STALL_FRAMES]
            stalled = simulator.run(few, stall_in=STALL_SHARE, stall_out=STALL_SHARE, seed=1).outputs
        wrong = differing_images(golden, outputs)
        wrong[:STALL_FRAMES] |= differing_images(golden[:STALL_FRAMES], stalled)
        if not wrong.any():
            return wrong, None, []
        suspect = int(np.flatnonzero(wrong)[0])
        # The frames before it only where the network remembers how many there were.
        first = 0 if dataflow.remembers else suspect

        def simulate(prefix: Dataflow, folder: Path) -> Callable:
            folder.mkdir(parents=True, exist_ok=True)
            library = build(prefix, folder)

            def run(some: np.ndarray) -> np.ndarray:
                with Simulator(prefix, library) as part:
                    return part.run(some, stall_in=STALL_SHARE, stall_out=STALL_SHARE, seed=1).outputs

            return run

        self.progress("rtl: looking for the first operator that differs")
        found = first_in_circuit(dataflow, codes[first : suspect + 1], self.work, simulate)
        if found is None:
            found = locate("scores", golden[suspect : suspect + 1], outputs[suspect : suspect + 1])
            first = suspect
        return wrong, found and found | {"image": first + found["image"]}, []
