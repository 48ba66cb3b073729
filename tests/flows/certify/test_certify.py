"""Soundness against enumeration, random search and attacks; exactness where a network is small enough to enumerate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from flows.attack.square import Square
from flows.certify.bounds import Box, propagate
from flows.certify.margins import Margins, proved
from flows.certify.radius import WRONG, around, decide, radii
from flows.certify.record import certify
from flows.certify.relax import SLOPE_BITS, lines
from flows.errors import FlowError
from flows.targets.onnx_target import OnnxTarget
from hw.dataflow import Dataflow
from hw.identity import identity
from hw.inttype import IntType
from hw.ops.threshold.threshold import Threshold
from tests.flows.certify.dataflows import mlp, residual
from tests.flows.golden.small_dataflow import convolutional

NETWORKS = [mlp(seed) for seed in range(6)] + [residual(seed) for seed in range(4)] + [convolutional(3)]


def inputs(dataflow: Dataflow, count: int, seed: int = 0) -> np.ndarray:
    stream = dataflow.input
    return np.random.default_rng(seed).integers(stream.dtype.min, stream.dtype.max + 1, (count, *stream.shape))


def labels(dataflow: Dataflow, codes: np.ndarray) -> np.ndarray:
    return dataflow.result(dataflow.golden(codes)).labels


def neighbours(dataflow: Dataflow, image: np.ndarray, budget: int) -> np.ndarray:
    """Every input within `budget` of one image (K,)."""
    box = around(image[None], np.array([budget]), dataflow.input.dtype)
    return np.array(list(itertools.product(*(range(a, b + 1) for a, b in zip(box.low[0], box.high[0], strict=True)))))


@pytest.mark.parametrize("dataflow", NETWORKS, ids=lambda d: d.name)
def test_every_value_of_every_stream_is_in_its_box(dataflow: Dataflow) -> None:
    codes, rng = inputs(dataflow, 5), np.random.default_rng(1)
    for budget in (0, 1, 3):
        box = around(codes, np.full(5, budget), dataflow.input.dtype)
        boxes = propagate(dataflow, box, dataflow.ops[-1].name)
        for _ in range(40):
            chosen = rng.integers(box.low, box.high + 1)
            for name, values in dataflow.values(chosen):
                if name in boxes:
                    assert np.all(values >= boxes[name].low.reshape(values.shape))
                    assert np.all(values <= boxes[name].high.reshape(values.shape))
        if budget == 0:
            assert all(np.array_equal(b.low, b.high) for b in boxes.values())


@pytest.mark.parametrize("seed", range(12))
def test_lines_hold_at_every_integer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, wide = int(rng.integers(1, 9)), IntType(7, True)
    steps = np.sort(rng.integers(-40, 40, (6, count)), axis=1)
    op = Threshold("act", (6,), wide, steps, IntType(6, True), 1, start=int(rng.integers(-3, 3)), step=[1, 2][seed % 2])
    low = rng.integers(-64, 63, (20, 6))
    box = Box(low, np.minimum(low + rng.integers(0, 60, low.shape), 63))
    found = lines(op, box)
    for value in range(-64, 64):
        inside = (box.low <= value) & (value <= box.high)
        code = op.golden(np.full(box.low.shape, value)) << SLOPE_BITS
        assert np.all((found.slope * value + found.low <= code) | ~inside)
        assert np.all((code <= found.slope * value + found.high) | ~inside)


@pytest.mark.parametrize("dataflow", NETWORKS, ids=lambda d: d.name)
def test_no_score_passes_its_margin(dataflow: Dataflow) -> None:
    codes, rng = inputs(dataflow, 8, 2), np.random.default_rng(3)
    wanted = labels(dataflow, codes)
    for budget in (0, 1, 2, 5):
        box = around(codes, np.full(8, budget), dataflow.input.dtype)
        margins = Margins.of(dataflow)(box, wanted)
        for _ in range(60):
            scores = dataflow.result(dataflow.golden(rng.integers(box.low, box.high + 1))).scores
            differences = scores - np.take_along_axis(scores, wanted[:, None], 1)
            assert np.all(differences <= margins)
        if budget == 0:
            assert np.array_equal(margins, differences) and proved(margins, wanted).all()


def test_carrying_back_is_tighter_than_intervals() -> None:
    gained = 0
    for seed in range(12):
        dataflow = mlp(seed, inputs=8, hidden=(8, 8))
        codes = inputs(dataflow, 20, 5)
        wanted = labels(dataflow, codes)
        box = around(codes, np.full(20, 1), dataflow.input.dtype)
        scores = propagate(dataflow, box, "label")["last"]
        apart = scores.high - np.take_along_axis(scores.low, wanted[:, None], 1)
        np.put_along_axis(apart, wanted[:, None], 0, 1)
        margins = Margins.of(dataflow)(box, wanted)
        assert np.all(margins <= apart)
        gained += int(np.sum(margins < apart))
    assert gained > 100


def test_ties_go_to_the_lowest_class() -> None:
    margins = np.array([[0, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 0, -1]])
    assert proved(margins, np.array([0, 1, 1, 2])).tolist() == [True, False, True, False]


@pytest.mark.parametrize("dataflow", [*(mlp(seed) for seed in range(9)), *(residual(seed) for seed in range(3))])
def test_small_networks_against_enumeration(dataflow: Dataflow) -> None:
    """Proofs never pass the true radius; splitting finds exactly that radius."""
    codes, limit = inputs(dataflow, 4, 7), 2
    wanted = labels(dataflow, codes)
    found = radii(dataflow, codes, wanted, limit)
    for image, label, radius in zip(codes, wanted, found, strict=True):
        true = limit
        for budget in range(limit + 1):
            holds = bool(np.all(labels(dataflow, neighbours(dataflow, image, budget)) == label))
            assert decide(dataflow, image, int(label), budget, 100_000) is holds
            if not holds:
                true = min(true, budget - 1)
        assert 0 <= radius <= true


def test_thousands_of_cases_and_no_search_beats_a_proof() -> None:
    rng, cases = np.random.default_rng(11), 0
    for seed in range(60):
        dataflow = residual(seed) if seed % 4 == 3 else mlp(seed, inputs=6, hidden=(7, 6))
        codes = inputs(dataflow, 60, seed)
        wanted = labels(dataflow, codes)
        box = around(codes, radii(dataflow, codes, wanted, 8), dataflow.input.dtype)
        cases += len(codes)
        for _ in range(25):
            inside = rng.integers(box.low, box.high + 1)
            corner = np.where(rng.integers(0, 2, box.low.shape), box.high, box.low)
            for tried in (inside, corner):
                assert np.array_equal(labels(dataflow, tried), wanted)
    assert cases >= 3000


def test_the_square_attack_never_beats_a_proof() -> None:
    dataflow = convolutional(3)
    images = inputs(dataflow, 40, 9).astype(np.uint8)
    wanted = labels(dataflow, images)
    found = radii(dataflow, images, wanted, 64)
    assert found.max() > 0
    target = OnnxTarget(dataflow)
    for budget in sorted(set(found.tolist())):
        chosen = np.flatnonzero(found == budget)
        batch = Square(queries=120)(target, images[chosen].transpose(0, 3, 1, 2), wanted[chosen], budget / 255)
        assert not batch.success.any()


def test_a_misclassified_image_has_no_radius() -> None:
    dataflow = mlp(1)
    codes = inputs(dataflow, 5)
    wanted = (labels(dataflow, codes) + 1) % 3
    assert radii(dataflow, codes, wanted, 4).tolist() == [WRONG] * 5


def test_without_nodes_nothing_is_decided() -> None:
    dataflow = mlp(1, inputs=4)
    image = inputs(dataflow, 1)[0]
    label = int(labels(dataflow, image[None])[0])
    assert decide(dataflow, image, label, 15, 0) is None


def test_networks_that_cannot_be_bounded_are_refused() -> None:
    act = Threshold("act", (3,), IntType(8, False), np.full((3, 1), 7), IntType(1, False), 1)
    with pytest.raises(FlowError, match="expected scores from a fully connected layer"):
        Margins.of(Dataflow("thresholds", (act,)))


def test_the_record_counts_what_is_proved() -> None:
    dataflow = convolutional(3)
    images = inputs(dataflow, 30, 4).astype(np.uint8)
    wanted = labels(dataflow, images)
    wanted[:3] = (wanted[:3] + 1) % 5
    record = certify(dataflow, images.transpose(0, 3, 1, 2), wanted, epsilon=4.2 / 255)
    assert record["budget"] == 4 and record["radii"][:3] == [WRONG] * 3 and record["clean"]["accuracy"] == 0.9
    found = np.array(record["radii"])
    assert found.max() <= 8 and record["certified"]["accuracy"] == np.mean(found >= 4)
    assert record["curve"][0]["certified"] == 0.9
    falling = [point["certified"] for point in record["curve"]]
    assert falling == sorted(falling, reverse=True)
    split = certify(dataflow, images.transpose(0, 3, 1, 2), wanted, epsilon=4.2 / 255, nodes=40)
    assert split["certified"]["accuracy"] >= record["certified"]["accuracy"] and split["dataflow"] == record["dataflow"]
    assert record["dataflow"] == identity(dataflow) != identity(convolutional(4))


def test_bad_data_is_refused() -> None:
    images = np.zeros((2, 1, 6, 6), np.uint8)
    with pytest.raises(FlowError, match="expected images and a label for each"):
        certify(convolutional(3), images, np.zeros(3, np.int64), 0.1)
    with pytest.raises(FlowError, match="certify: expected images of shape"):
        certify(convolutional(3), np.zeros((2, 1, 5, 6), np.uint8), np.zeros(2, np.int64), 0.1)
