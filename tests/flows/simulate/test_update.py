"""Numbers rewritten while frames run: each frame is computed by the old network or by the new one, never by a mix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows.errors import FlowError
from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.registers import contents, writes
from tests.hw.ops.conftest import random_codes
from tests.hw.writable_network import bipolar, convolutional, lone_threshold

pytestmark = pytest.mark.sim

NETWORKS: dict[str, Callable[[int], Dataflow]] = {
    "registers": convolutional,
    "blocks": lambda seed: convolutional(seed, memory="block", weight_type=IntType.parse("INT5")),
    "lone_threshold": lone_threshold,
    "bipolar": bipolar,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("registers"),
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("blocks", "lone_threshold", "bipolar")),
    ],
)
def test_many_updates_between_and_among_frames(name: str, tmp_path: Path) -> None:
    make = NETWORKS[name]
    now, rng = make(0), np.random.default_rng(1)
    switched = []
    with Simulator(now, build(now, tmp_path)) as simulator:
        for seed in range(1, 25):
            new, codes = make(seed), random_codes(now.input, 12, seed)
            if seed % 3 == 0:  # at rest
                assert simulator.update(new) == len(writes(now, new))
                np.testing.assert_array_equal(simulator.run(codes).outputs, new.golden(codes))
            else:
                cycle = int(rng.integers(0, 8 * now.cycles_per_frame_bound))
                stalls = rng.choice([0.0, 0.3, 0.8], 2)
                result = simulator.run(
                    codes, stall_in=stalls[0], stall_out=stalls[1], seed=seed, update=new, update_cycle=cycle
                )
                first = result.old_frames
                np.testing.assert_array_equal(result.outputs[:first], now.golden(codes[:first]))
                np.testing.assert_array_equal(result.outputs[first:], new.golden(codes[first:]))
                assert (now.golden(codes) != new.golden(codes)).any()
                switched.append(first)
            assert simulator.dataflow is new
            now = new
    assert len(set(switched)) > 3 and any(0 < first < 12 for first in switched)


@pytest.fixture(scope="module")
def lone_library(tmp_path_factory) -> Path:
    return build(lone_threshold(0), tmp_path_factory.mktemp("lone"))


def test_an_update_to_itself_writes_nothing(lone_library: Path) -> None:
    now = lone_threshold(0)
    codes = random_codes(now.input, 6, 1)
    with Simulator(now, lone_library) as simulator:
        assert simulator.update(lone_threshold(0)) == 0
        result = simulator.run(codes, update=lone_threshold(0), update_cycle=9)
        assert result.old_frames == 6
        np.testing.assert_array_equal(result.outputs, now.golden(codes))
        with pytest.raises(HardwareError, match="operators: the circuit has"):
            simulator.update(bipolar(0))


def test_an_update_that_was_broken_off_must_be_done_again(lone_library: Path) -> None:
    old, new = lone_threshold(0), lone_threshold(1)
    codes = random_codes(old.input, 6, 1)
    with Simulator(old, lone_library) as simulator:
        with pytest.raises(FlowError, match="no beat moved"):
            simulator.run(codes, stall_out=1.0, watchdog=100, update=new, update_cycle=10)
        with pytest.raises(FlowError, match="an update of this circuit was broken off: its numbers are mixed"):
            simulator.run(codes)
        simulator.update(old)
        np.testing.assert_array_equal(simulator.run(codes).outputs, old.golden(codes))
        assert len(contents(old)) == 4 * 7
