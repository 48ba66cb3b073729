"""Chains under back-pressure, and what the simulator says about broken circuits."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.argmax.argmax import Argmax
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.ops.maxpool.maxpool import MaxPool
from hw.ops.pad.pad import Pad
from hw.ops.width_converter.width_converter import WidthConverter

pytestmark = pytest.mark.sim

INT6 = IntType.parse("INT6")
UINT8 = IntType.parse("UINT8")


def chain() -> Dataflow:
    """Every simple operator, fifos of several depths between them: (5, 6, 4) -> (3, 4, 4) -> 48 scores and a label."""
    return Dataflow(
        "chain",
        (
            Fifo("fifo0", (5, 6, 4), INT6, 4, 3),
            WidthConverter("narrow0", (5, 6, 4), INT6, 4, 2),
            Pad("pad0", (5, 6, 4), INT6, 2, (1, 0, 0, 2), -7),
            Fifo("fifo1", (6, 8, 4), INT6, 2, 2),
            MaxPool("pool0", (6, 8, 4), INT6, 2, 2),
            Fifo("fifo2", (3, 4, 4), INT6, 2, 17),
            WidthConverter("narrow1", (3, 4, 4), INT6, 2, 1),
            Argmax("argmax0", 48, INT6, True),
        ),
    )


def identity() -> Dataflow:
    return Dataflow("identity", (Fifo("fifo0", (4,), UINT8, 1, 2),))


@pytest.fixture(scope="module")
def chain_simulator(tmp_path_factory):
    with Simulator(chain(), build(chain(), tmp_path_factory.mktemp("chain"))) as simulator:
        yield simulator


@pytest.mark.parametrize("seed", range(8))
def test_a_chain_never_deadlocks_under_back_pressure(chain_simulator, seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(-32, 32, (int(rng.integers(2, 12)), 5, 6, 4))
    stalls = rng.choice([0.0, 0.2, 0.7, 0.97], 2)
    result = chain_simulator.run(codes, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
    np.testing.assert_array_equal(result.outputs, chain().golden(codes))
    assert np.all(np.diff(result.frame_cycles) > 0) and result.cycles > result.frame_cycles[-1]


def test_without_stalls_the_slowest_operator_sets_the_pace(chain_simulator):
    codes = np.random.default_rng(0).integers(-32, 32, (30, 5, 6, 4))
    result = chain_simulator.run(codes)
    assert result.initiation_interval == chain().cycles_per_frame_bound == 96
    assert 96 < result.latency < 2 * 96


def test_stalls_follow_the_seed(chain_simulator):
    codes = np.zeros((3, 5, 6, 4), dtype=np.int64)
    cycles = [chain_simulator.run(codes, stall_in=0.5, stall_out=0.5, seed=seed).cycles for seed in (1, 2, 1)]
    assert cycles[0] == cycles[2] != cycles[1]


def test_memories_are_found_from_anywhere(tmp_path, monkeypatch, lookup):
    words = tuple(int(word) for word in np.random.default_rng(3).permutation(256))
    dataflow = Dataflow("table", (lookup("table0", (4,), UINT8, 1, 2, words=words),))
    build(dataflow, tmp_path / "built")
    shutil.move(tmp_path / "built", tmp_path / "moved")
    monkeypatch.chdir("/")
    codes = np.random.default_rng(4).integers(0, 256, (50, 4))
    with Simulator(dataflow, tmp_path / "moved" / "library.so") as simulator:
        np.testing.assert_array_equal(simulator.run(codes, stall_out=0.3).outputs, dataflow.golden(codes))
    assert os.getcwd() == "/"
    memory = tmp_path / "moved" / "rtl" / "table0_table.hex"
    memory.write_text(memory.read_text().replace("a", "b"))
    with pytest.raises(FlowError, match="table0_table.hex: expected this dataflow's memory, found none or another"):
        Simulator(dataflow, tmp_path / "moved" / "library.so")


def test_two_circuits_run_side_by_side(tmp_path, chain_simulator):
    codes = np.random.default_rng(5).integers(-32, 32, (3, 5, 6, 4))
    with Simulator(identity(), build(identity(), tmp_path)) as other:
        np.testing.assert_array_equal(other.run(np.arange(8).reshape(2, 4)).outputs, np.arange(8).reshape(2, 4))
        np.testing.assert_array_equal(chain_simulator.run(codes).outputs, chain().golden(codes))


def test_a_swallowed_beat_trips_the_watchdog(tmp_path, swallow):
    dataflow = Dataflow("hole", (swallow("hole0", (4,), UINT8, 1, 2, limit=6),))
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        with pytest.raises(FlowError) as caught:
            simulator.run(np.zeros((3, 4), dtype=np.int64), watchdog=99)
    assert str(caught.value) == (
        "hole: no beat moved for 100 cycles, in cycle 112, after 12 of 12 beats in (3 of 3 frames) and 6 of 12 beats "
        "out (1 frames): hole0 has all it needs for its output beat 6 and does not give it"
    )


def test_a_standstill_names_what_is_waited_for(tmp_path, swallow):
    fork, lost = Fork("fork0", (4,), UINT8, 1, 2), swallow("lost0", (4,), UINT8, 1, 2, limit=5)
    wait, total = Fifo("wait0", (4,), UINT8, 1, 4), Add("sum0", (4,), UINT8, UINT8, 1, 1, 1, 0)
    sources = {"fork0": ("input",), "lost0": ("fork0.0",), "wait0": ("fork0.1",), "sum0": ("lost0", "wait0")}
    dataflow = Dataflow("a__b", (fork, lost, wait, total), sources)
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        codes = np.zeros((3, 4), dtype=np.int64)
        with pytest.raises(FlowError, match="lost0 has all it needs for its output beat 5 and does not give it$"):
            simulator.run(codes, watchdog=99)
        with pytest.raises(FlowError, match="the circuit offers an output beat that nobody takes$"):
            simulator.run(codes, stall_out=1.0, watchdog=99)
        with pytest.raises(FlowError, match="the circuit is offered no input beat$"):
            simulator.run(codes, stall_in=1.0, watchdog=99)


@pytest.mark.parametrize(
    ("mode", "stall_out", "message"),
    [
        (0, 0.5, "valid or data out changed before ready"),
        (1, 0.5, "no beat moved for"),
        (2, 0.0, "an output beat too many"),
    ],
)
def test_breaches_of_the_stream_contract(tmp_path, waver, mode, stall_out, message):
    dataflow = Dataflow("waver", (waver("waver0", (4,), UINT8, 1, 2, mode=mode),))
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        with pytest.raises(FlowError, match=f"waver: {message}"):
            simulator.run(np.arange(200).reshape(50, 4), stall_out=stall_out)


def test_refuses_wrong_input(chain_simulator):
    with pytest.raises(FlowError, match=r"expected integers of shape \(N, 5, 6, 4\), got int64 \(2, 5, 6, 3\)"):
        chain_simulator.run(np.zeros((2, 5, 6, 3), dtype=np.int64))
    with pytest.raises(FlowError, match=r"expected integers of shape .* got float64"):
        chain_simulator.run(np.zeros((2, 5, 6, 4)))
    with pytest.raises(HardwareError, match=r"input: expected INT6 \(-32..31\), got 32..32"):
        chain_simulator.run(np.full((2, 5, 6, 4), 32))
    with pytest.raises(FlowError, match="expected stall probabilities from 0 to 1, got 1.5 and 0"):
        chain_simulator.run(np.zeros((2, 5, 6, 4), dtype=np.int64), stall_in=1.5)
    with pytest.raises(FlowError, match="expected at least 2 frames to measure an interval, got 1: simulate more"):
        _ = chain_simulator.run(np.zeros((1, 5, 6, 4), dtype=np.int64)).initiation_interval


def test_an_empty_batch_is_an_empty_result(chain_simulator):
    result = chain_simulator.run(np.zeros((0, 5, 6, 4), dtype=np.int64))
    assert result.outputs.shape == (0, 49) and result.cycles == 0


def test_refuses_the_library_of_another_dataflow(tmp_path):
    library = build(identity(), tmp_path)
    with pytest.raises(FlowError, match="was built from another dataflow; build it again"):
        Simulator(Dataflow("identity", (Fifo("fifo0", (4,), UINT8, 1, 3),)), library)
    with pytest.raises(FlowError, match="expected a simulation library, found none; build it first"):
        Simulator(identity(), tmp_path / "elsewhere" / "library.so")


def test_circuits_come_and_go_in_any_order(tmp_path, chain_simulator):
    """One process opens many; each is freed while the one used last is another, or gone."""
    library = build(identity(), tmp_path)
    codes = np.arange(8).reshape(2, 4)
    for _ in range(20):
        first, second = Simulator(identity(), library), Simulator(identity(), library)
        np.testing.assert_array_equal(first.run(codes).outputs, codes)
        np.testing.assert_array_equal(second.run(codes).outputs, codes)
        chain_simulator.run(np.zeros((1, 5, 6, 4), dtype=np.int64))
        first.close()
        second.close()


def test_a_closed_simulator_refuses_to_run(tmp_path):
    with Simulator(identity(), build(identity(), tmp_path)) as simulator:
        pass
    with pytest.raises(FlowError, match="this simulator is closed"):
        simulator.run(np.zeros((1, 4), dtype=np.int64))
