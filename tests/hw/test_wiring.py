"""Graphs of named streams: computed as written by hand, refused where a stream is lost, doubled or does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.golden.session import GoldenSession
from flows.simulate import Simulator, build
from hw.cut import cut
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.add.add import Add
from hw.ops.fifo.fifo import Fifo
from hw.ops.fork.fork import Fork
from hw.top.stitch import stitch
from tests.hw.small_graph import residual, residual_by_hand

UINT8 = IntType(8, False)


def codes(frames: int = 9) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 8, (frames, 4, 4, 2))


def test_golden_is_what_was_written_by_hand() -> None:
    assert np.array_equal(residual().golden(codes()), residual_by_hand(residual(), codes()))


def test_every_stream_is_the_same_in_numpy_and_onnx() -> None:
    dataflow = residual()
    between = GoldenSession(dataflow, batch=4).intermediates(codes())
    values = dict(dataflow.values(codes()))
    assert list(between) == list(values) == list(dataflow.streams)[1:]
    assert {"fork0.0", "fork0.1", "fork0.2", "sum0"} < set(values) and "fork0" not in values
    for name, expected in values.items():
        assert np.array_equal(between[name], expected), name
    assert [op.name for op, _ in dataflow.trace(codes())] == [op.name for op in dataflow.ops[1:]]


@pytest.mark.sim
def test_the_circuit_is_the_same(tmp_path: Path) -> None:
    dataflow = residual()
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        for seed, (stall_in, stall_out) in enumerate([(0.0, 0.0), (0.5, 0.0), (0.0, 0.9), (0.4, 0.4)]):
            result = simulator.run(codes(), stall_in=stall_in, stall_out=stall_out, seed=seed)
            assert np.array_equal(result.outputs, dataflow.golden(codes()))


def test_saved_and_read_back(tmp_path: Path) -> None:
    residual().save(tmp_path)
    assert Dataflow.load(tmp_path) == residual()
    assert dict(Dataflow.load(tmp_path).sources) == dict(residual().sources)


def test_a_chain_names_its_streams() -> None:
    ops = tuple(Fifo(name, (4,), UINT8, 1, 2) for name in ("a", "b", "c"))
    chain = Dataflow("chain", ops)
    assert dict(chain.sources) == {"a": ("input",), "b": ("a",), "c": ("b",)}
    assert chain == Dataflow("chain", ops, {"c": ["b"], "a": ["input"], "b": ["a"]})


def test_ports_of_several_streams() -> None:
    top = stitch(residual())["residual_stream.sv"]
    assert ".out_valid({s3_valid, s2_valid, s1_valid})" in top  # of the fork, whose number of outputs is a parameter
    assert ".in0_data (s6_data)" in top and ".in1_ready(s7_ready)" in top  # of the sum, which always has two inputs


def small(**changes: object) -> Dataflow:
    """A fork, a fifo on one branch, a sum; `changes` replace sources, None takes one away."""
    ops = (
        Fork("fork0", (4,), UINT8, 2, 2),
        Fifo("fifo0", (4,), UINT8, 2, 2),
        Add("sum0", (4,), UINT8, UINT8, 2, 1, -1, 0),
    )
    sources = {"fork0": ("input",), "fifo0": ("fork0.0",), "sum0": ("fifo0", "fork0.1")} | changes
    return Dataflow("small", ops, {name: given for name, given in sources.items() if given is not None})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sum0": ("fifo0", "fifo0")}, "fifo0 goes to sum0 and to sum0: copy it with a fork"),
        ({"sum0": ("fifo0", "input")}, "input goes to fork0 and to sum0: copy it with a fork"),
        ({"sum0": ("fifo0",)}, "sum0: expected 2 streams, got 1: fifo0"),
        ({"sum0": ("fifo0", "fork0.1", "fork0.1")}, "sum0: expected 2 streams, got 3"),
        ({"sum0": ("fifo0", "fork0.2")}, r"sum0: expected a stream given before it \(fork0.1\), got 'fork0.2'"),
        ({"fifo0": ("sum0",)}, r"fifo0: expected a stream given before it \(fork0.0, fork0.1\), got 'sum0'"),
        ({"fifo0": "fork0.0"}, "fifo0: expected a list of stream names, got 'fork0.0'"),
        ({"fifo0": [3]}, r"fifo0: expected a list of stream names, got \[3\]"),
        ({"fifo0": None}, "expected sources of fork0, fifo0, sum0, got those of fork0, sum0"),
        ({"other": ("input",)}, "expected sources of fork0, fifo0, sum0, got those of fork0, fifo0, sum0, other"),
    ],
)
def test_refuses_wrong_sources(changes: dict[str, object], text: str) -> None:
    small()
    with pytest.raises(HardwareError, match=text):
        small(**changes)


def test_refuses_streams_that_nothing_takes() -> None:
    fork, fifo = small().ops[:2]
    with pytest.raises(HardwareError, match="nothing takes fork0.1: every stream but the last goes to one operator"):
        Dataflow("open", (fork, fifo), {"fork0": ("input",), "fifo0": ("fork0.0",)})
    with pytest.raises(HardwareError, match="its last operator gives fork0.0, fork0.1"):
        Dataflow("open", (fork,))


def test_refuses_a_chain_through_an_operator_of_several_streams() -> None:
    with pytest.raises(HardwareError, match=r"fifo0: expected a stream given before it .*, got 'fork0'"):
        Dataflow("chain", small().ops[:2])
    with pytest.raises(HardwareError, match="sum0: expected 2 streams, got 1: input"):
        Dataflow("chain", small().ops[2:])


@pytest.mark.parametrize("change", [{"shape": (8,)}, {"parallel": 4}, {"dtype": IntType(8, True)}])
def test_refuses_streams_that_do_not_fit(change: dict[str, object]) -> None:
    fork, fifo, total = small().ops
    with pytest.raises(HardwareError, match=r"fork0.0 gives Stream\(.*\), but fifo0 expects Stream\("):
        Dataflow("small", (fork, replace(fifo, **change), total), small().sources)


def test_refuses_an_operator_called_input() -> None:
    with pytest.raises(HardwareError, match="unique identifiers, not 'input', got 'input'"):
        Dataflow("chain", (Fifo("input", (4,), UINT8, 1, 2),))


def test_a_cut_keeps_the_operators_and_copies_that_matter() -> None:
    dataflow = residual()
    values = dict(dataflow.values(codes()))
    for op in dataflow.ops[1:]:
        part = cut(dataflow, op.name)
        assert part.ops[-1] == op and part.name == f"residual_{op.name}"
        assert np.array_equal(part.golden(codes()), values[op.name]), op.name
    conv, total = cut(dataflow, "conv0"), cut(dataflow, "sum0")
    assert [op.name for op in conv.ops] == ["pad0", "window0", "conv0"]
    assert total.ops[0].copies == 2 and total.sources["skip"] == ("fork0.1",)
    assert cut(dataflow, "label").ops == dataflow.ops
    wait = cut(dataflow, "wait0")
    assert [op.name for op in wait.ops] == ["wait0"] and wait.sources["wait0"] == ("input",)


@pytest.mark.sim
def test_a_cut_at_a_fork_shows_every_copy(tmp_path: Path) -> None:
    part = cut(residual(), "fork0")
    assert np.array_equal(part.golden(codes()), np.concatenate([codes()] * 3, axis=-1))
    with Simulator(part, build(part, tmp_path)) as simulator:
        result = simulator.run(codes(), stall_in=0.3, stall_out=0.3, seed=1)
    assert np.array_equal(result.outputs, part.golden(codes()))


@pytest.mark.parametrize("name", ["fork0.1", "nothing"])
def test_refuses_to_cut_at_no_operator(name: str) -> None:
    with pytest.raises(HardwareError, match=f"expected an operator of residual, got '{name}'"):
        cut(residual(), name)
