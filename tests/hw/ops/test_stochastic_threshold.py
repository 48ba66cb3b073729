"""`stochastic_threshold`: the same noise bit for bit in both models, whatever the folding; it rounds fairly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.inttype import IntType
from hw.ops.stochastic_threshold import lfsr
from hw.ops.stochastic_threshold.stochastic_threshold import StochasticThreshold
from tests.hw.ops.conftest import STALLS, random_codes


def make(shape, x: str, count: int, y: str, pe: int, largest: int, **rest) -> StochasticThreshold:
    """Random thresholds over the whole range with noise; channel 0 has none, channel 1 the most."""
    x_type, channels, rng = IntType.parse(x), shape[-1], np.random.default_rng(count)
    spread = rng.integers(0, largest, channels, endpoint=True)
    spread[0], spread[1] = 0, largest
    low, high = x_type.min - np.maximum(spread, 1), x_type.max + np.maximum(spread, 1)
    table = np.sort(rng.integers(low[:, None], high[:, None], (channels, count), endpoint=True), axis=1)
    return StochasticThreshold("t", shape, x_type, table, IntType.parse(y), pe, spread, **rest)


CASES = {
    "one_lane": make((3, 2, 4), "INT9", 3, "UINT2", 1, 40, seed=5),
    "two_lanes": make((3, 2, 4), "INT9", 3, "UINT2", 2, 40, seed=5),
    "four_lanes": make((3, 2, 4), "INT9", 3, "UINT2", 4, 40, seed=5),
    "unsigned": make((10,), "UINT6", 5, "INT4", 10, 64, start=-3, draw_bits=13),
    "bipolar_output": make((2, 2, 3), "INT5", 1, "BIPOLAR", 3, 32, start=-1, step=2, draw_bits=1),
    "more_spread_than_draws": make((6,), "INT12", 7, "UINT3", 2, 900, draw_bits=4, seed=(1 << 63) - 1),
    "no_noise": make((2, 1, 2), "INT6", 3, "UINT2", 1, 0),
    "one_bit": make((4,), "UINT1", 1, "UINT1", 2, 2, draw_bits=16),
}
RESTARTED = {
    "folded": make((3, 2, 4), "INT9", 3, "UINT2", 2, 40, seed=9, restart_every_frame=True),
    "one_beat": make((4,), "UINT8", 15, "UINT4", 4, 17, restart_every_frame=True, draw_bits=16),
    "falling": make((2, 3, 2), "INT7", 2, "INT4", 1, 128, start=3, step=-4, restart_every_frame=True),
}


@pytest.mark.sim
@pytest.mark.parametrize("op", CASES.values(), ids=CASES.keys())
def test_circuit_goes_on_from_frame_to_frame(op: StochasticThreshold, tmp_path: Path) -> None:
    dataflow = Dataflow("under_test", (op,))
    with Simulator(dataflow, build(dataflow, tmp_path)) as simulator:
        for seed, (stall_in, stall_out) in enumerate(STALLS):
            codes = random_codes(op.input, 25, seed)
            result = simulator.run(codes, stall_in=stall_in, stall_out=stall_out, seed=seed)
            np.testing.assert_array_equal(result.outputs, dataflow.golden(codes))
        result = simulator.run(codes)
        assert result.initiation_interval == op.cycles_per_frame


@pytest.mark.sim
@pytest.mark.parametrize("op", RESTARTED.values(), ids=RESTARTED.keys())
def test_circuit_that_restarts(op: StochasticThreshold, exercise) -> None:
    exercise(op)


def test_folding_does_not_change_the_numbers() -> None:
    codes = random_codes(CASES["one_lane"].input, 8, 3)
    one, two, four = (CASES[name].golden(codes) for name in ("one_lane", "two_lanes", "four_lanes"))
    assert np.array_equal(one, two) and np.array_equal(one, four)
    assert not np.array_equal(one[:1], make((3, 2, 4), "INT9", 3, "UINT2", 1, 40, seed=6).golden(codes[:1]))


@pytest.mark.parametrize("op", [*CASES.values(), *RESTARTED.values()], ids=[*CASES, *RESTARTED])
def test_golden_is_the_formula(op: StochasticThreshold) -> None:
    """The sequence bit by bit, and every element by itself."""
    codes = random_codes(op.input, 3, 1)
    state = lfsr.initial_state(op.seed)
    bits = [state >> n & 1 for n in range(63)]
    while len(bits) < codes.size * op.draw_bits:
        bits.append(bits[-63] ^ bits[-62])
    out = op.golden(codes)
    for index, place in enumerate(np.ndindex(codes.shape)):
        element = index % op.input.elements if op.restart_every_frame else index
        r = sum(bits[element * op.draw_bits + j] << j for j in range(op.draw_bits))
        spread = int(op.spread[place[-1]])
        noisy = int(codes[place]) + (r * spread >> op.draw_bits) - spread // 2
        assert out[place] == op.start + op.step * sum(noisy >= int(t) for t in op.thresholds[place[-1]])


def test_rounding_is_fair() -> None:
    """Thresholds 16 apart, spread 16: over all draws the mean level is the value itself, to the last bit."""
    table = np.arange(-40, 40, 16)[None]
    for value in range(-40 + 8, 24 - 8):
        op = StochasticThreshold("t", (1,), IntType(8, True), table, IntType(3, False), 1, np.array([16]))
        r = np.arange(256)
        noise = (r * 16 >> 8) - 8
        levels = (value + noise[:, None] >= table).sum(axis=1)
        assert set(levels) <= {levels.min(), levels.min() + 1}
        assert 2 * levels.sum() * 16 == 256 * (2 * (value - int(table[0, 0])) + 16)
        assert set(op.dither(3000).ravel()) == set(range(-8, 8))


def test_draws_are_even() -> None:
    """Each value of a draw comes as often as chance has it: chi-square of 255 degrees of freedom, within five sigma."""
    r, _ = lfsr.draws(lfsr.initial_state(0), 1 << 18, 8)
    counts = np.bincount(r, minlength=256)
    statistic = float(((counts - 1024) ** 2 / 1024).sum())
    assert abs(statistic - 255) < 5 * np.sqrt(2 * 255)
    neighbours = np.bincount(r[:-1] >> 4 << 4 | r[1:] >> 4, minlength=256)
    assert abs(float(((neighbours - 1024) ** 2 / 1024).sum()) - 255) < 5 * np.sqrt(2 * 255)


def test_the_sequence_has_the_full_period() -> None:
    """x^63 + x + 1 is primitive: x has order 2**63 - 1 and no proper divisor of it."""

    def power(exponent: int) -> int:
        result, base = 1, 2
        while exponent:
            if exponent & 1:
                result = times(result, base)
            base, exponent = times(base, base), exponent >> 1
        return result

    def times(a: int, b: int) -> int:
        product = 0
        for i in range(63):
            product ^= a << i if b >> i & 1 else 0
        for i in range(125, 62, -1):
            product ^= (1 << 63 | 3) << i - 63 if product >> i & 1 else 0
        return product

    order, primes = (1 << 63) - 1, (7, 73, 127, 337, 92737, 649657)
    assert 7**2 * 73 * 127 * 337 * 92737 * 649657 == order
    assert power(order) == 1
    assert all(power(order // prime) != 1 for prime in primes)


def test_sequence_continues_from_its_state() -> None:
    whole, end = lfsr.sequence(lfsr.initial_state(3), 5000)
    first, state = lfsr.sequence(lfsr.initial_state(3), 1234)
    second, same = lfsr.sequence(state, 5000 - 1234)
    assert np.array_equal(whole, np.concatenate([first, second])) and end == same


def test_noise_of_many_frames_is_one_sequence(monkeypatch) -> None:
    op = CASES["two_lanes"]
    whole = op.dither(50)
    monkeypatch.setattr("hw.ops.stochastic_threshold.stochastic_threshold.CHUNK", 100)
    assert np.array_equal(op.dither(50), whole)


def test_onnx_cannot_hold_noise_that_goes_on() -> None:
    text = "t: its noise goes on from frame to frame, which ONNX cannot hold: use Dataflow.golden, or set restart"
    with pytest.raises(HardwareError, match=text):
        Dataflow("d", (CASES["unsigned"],)).to_onnx()


def test_record(tmp_path: Path) -> None:
    for op in (*CASES.values(), *RESTARTED.values()):
        Dataflow("d", (op,)).save(tmp_path)
        assert Dataflow.load(tmp_path).ops == (op,)
    assert CASES["one_lane"] != CASES["two_lanes"]


GOOD = {
    "name": "t", "shape": (3, 3, 2), "input_type": IntType(4, True), "output_type": IntType(2, False), "pe": 2,
    "thresholds": np.array([[-8, 0, 3], [-12, 1, 11]]), "spread": np.array([0, 4]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"input_type": IntType.parse("BIPOLAR")}, "t: expected an integer type of 1 to 47 bits, got BIPOLAR"),
        ({"draw_bits": 17}, "t: expected draws of 1 to 16 bits, got 17"),
        ({"seed": 1 << 63}, r"t: expected a seed from 0 to 2\*\*63 - 1, got 9223372036854775808"),
        ({"spread": np.array([1.0, 2.0])}, r"t: expected an integer spread \(2,\), got float64 \(2,\)"),
        ({"spread": np.array([1, 17])}, r"t: expected spreads from 0 to 2\*\*4, got 1..17"),
        (
            {"thresholds": GOOD["thresholds"] + 1},
            r"t: expected thresholds from -8 - spread to 7 \+ spread, got -11..12",
        ),
        ({"thresholds": GOOD["thresholds"][:, ::-1]}, "t: expected ascending thresholds"),
        ({"thresholds": GOOD["thresholds"][0]}, r"t: expected integer thresholds \(2, T\), got int64 \(3,\)"),
        ({"output_type": IntType(1, False)}, "t output: expected UINT1"),
        ({"pe": 3}, "expected elements per beat to divide 2, got 3"),
    ],
)
def test_refuses(change: dict[str, object], text: str) -> None:
    StochasticThreshold(**GOOD)
    with pytest.raises(HardwareError, match=text):
        StochasticThreshold(**GOOD | change)
