"""An ensemble whose noise goes on from frame to frame: numpy is its golden model, and the ladder says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.config import VerifyConfig
from flows.golden.session import GoldenSession
from flows.simulate import build
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from flows.verify.ladder import Evidence, verify
from flows.verify.table import ladder_table
from hw.dataflow import Dataflow
from hw.inttype import IntType
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.matvec.matvec import MatVec
from hw.ops.stochastic_threshold.stochastic_threshold import StochasticThreshold
from hw.ops.vote.vote import Vote

UINT8, UINT2, INT3 = (IntType.parse(name) for name in ("UINT8", "UINT2", "INT3"))


def ensemble(seed: int = 0, restart: bool = False) -> Dataflow:
    """(12,) UINT8 -> two members with noise of their own -> the weighted vote of 3 scores, and the label."""
    rng = np.random.default_rng(seed)
    ops: list = [Fork("fork", (12,), UINT8, 1, 2)]
    sources = {"fork": ("input",)}
    for m in range(2):
        hidden = MatVec(f"hidden{m}", (), rng.integers(-4, 4, (6, 12)), INT3, UINT8, 2, 1)
        table = np.sort(rng.integers(-900, 700, (6, 3)), axis=1)
        act = StochasticThreshold(
            f"act{m}", (6,), hidden.output.dtype, table, UINT2, 2, np.full(6, 400), seed=m, restart_every_frame=restart
        )
        last = MatVec(f"last{m}", (), rng.integers(-4, 4, (3, 6)), INT3, UINT2, 1, 2)
        wait = Fifo(f"wait{m}", (3,), last.output.dtype, 1, 3)
        enter = Fifo(f"enter{m}", (12,), UINT8, 1, 24)
        ops += [enter, hidden, act, last, wait]
        sources |= {enter.name: (f"fork.{m}",), hidden.name: (enter.name,), act.name: (hidden.name,)}
        sources |= {last.name: (act.name,), wait.name: (last.name,)}
    vote = Vote("vote", (3,), tuple(ops[i].output.dtype for i in (5, 10)), 1, (3, 2))
    ops += [vote, Argmax("label", 3, vote.output.dtype, True)]
    return Dataflow("ensemble", tuple(ops), sources | {"vote": ("wait0", "wait1"), "label": ("vote",)})


def images(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 1, 3, 4)).astype(np.uint8)


def test_the_golden_session_goes_on_in_numpy() -> None:
    dataflow, codes = ensemble(), images(300).reshape(300, 12)
    session = GoldenSession(dataflow, batch=7)
    assert session.engine == "numpy" and dataflow.remembers == ("act0", "act1")
    expected = dataflow.golden(codes)
    np.testing.assert_array_equal(session.run(codes), expected)
    assert (expected != dataflow.golden(np.roll(codes, 1, axis=0))[np.r_[1:300, 0]]).any(), "the noise does not go on"
    inside = session.intermediates(codes)
    assert list(inside) == [name for name in dataflow.streams if name != "input"]
    np.testing.assert_array_equal(inside["act0"], dict(dataflow.values(codes))["act0"])
    fixed = ensemble(restart=True)
    assert GoldenSession(fixed).engine == "onnxruntime" and fixed.remembers == ()
    np.testing.assert_array_equal(GoldenSession(fixed).run(codes), fixed.golden(codes))


@pytest.mark.sim
@pytest.mark.slow
def test_the_circuit_draws_the_same_noise_and_other_rungs_say_why_they_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataflow, pictures = ensemble(), images(40)
    library = build(dataflow, tmp_path / "circuit")
    nowhere = tmp_path / "none"
    trained = dataflow.result(dataflow.golden(pictures.reshape(40, 12))).scores  # one after the other since a reset
    evidence = Evidence(pictures, 10, trained, nowhere, nowhere, {"finn": {}}, dataflow, library)
    config = VerifyConfig(qonnx=5, finn=5, golden=12, rtl=30, netlist=0, routed=0)
    record = verify(evidence, config, tmp_path / "work")
    rungs = {rung["rung"]: rung for rung in record["rungs"]}
    noise = "the noise of act0, act1 goes on from frame to frame"
    assert rungs["golden"]["unavailable"] == f"{noise}, which ONNX cannot hold; numpy computes the golden integers"
    for name in ("qonnx", "finn"):
        assert rungs[name]["unavailable"] == f"{noise}; the graph that this rung executes is the network without it"
    assert (rungs["brevitas"]["images"], rungs["brevitas"]["adversarial"], rungs["brevitas"]["mismatches"]) == (
        12,
        6,
        0,
    )
    assert (rungs["rtl"]["images"], rungs["rtl"]["adversarial"], rungs["rtl"]["mismatches"]) == (30, 10, 0)
    assert ladder_table(record).row_count == 5
    with RtlTarget(dataflow, library) as circuit:
        golden = OnnxTarget(dataflow)
        assert golden.name == "numpy"
        np.testing.assert_array_equal(circuit.predict(pictures), golden.predict(pictures))

    class Wrong(Dataflow):
        """A golden model with another seed in one operator, on the same circuit."""

        def values(self, codes):
            other = [replace(op, seed=9) if op.name == "act1" else op for op in self.ops]
            return Dataflow(self.name, tuple(other), self.sources).values(codes)

    def hunt(dataflow: Dataflow, codes: np.ndarray, folder: Path, simulate: object) -> dict[str, object]:
        handed.append(codes)
        return {"image": len(codes) - 1, "operator": "act1"}

    handed: list[np.ndarray] = []
    monkeypatch.setattr("flows.verify.ladder.first_in_circuit", hunt)
    wrong = replace(evidence, dataflow=Wrong(dataflow.name, dataflow.ops, dataflow.sources))
    record = verify(wrong, config, tmp_path / "hunt")["rungs"]
    assert record[0]["rung"] == "brevitas" and record[0]["first_divergence"]["operator"] == "scores"
    (rung,) = [r for r in record if r["rung"] == "rtl"]
    first = rung["first_divergence"]["image"]
    assert rung["mismatches"] > 0 and len(handed) == 1, "the noise of that image needs all images before it"
    np.testing.assert_array_equal(handed[0], pictures.reshape(40, 12)[: first + 1])
