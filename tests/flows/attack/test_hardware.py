"""Attacks through a circuit: what is reported, and that the circuit answers as the golden model does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.attack.hardware import attack_circuit
from flows.attack.square import Square
from flows.attack.uniform import Uniform
from flows.attack.worst_case import WorstCase
from flows.config import HilConfig
from flows.errors import FlowError
from flows.simulate import build
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from hw.dataflow import Dataflow
from tests.flows.attack import linear_digits

Data = tuple[np.ndarray, np.ndarray]
EPSILON = 0.1


@pytest.fixture(scope="module")
def classifier(digits: Data) -> Dataflow:
    return linear_digits.classifier(*digits)


@pytest.fixture(scope="module")
def adversarial(classifier: Dataflow, digits: Data) -> dict[str, np.ndarray]:
    """As the attack stage writes it, from two attacks."""
    x, y = digits[0][1400:1440], digits[1][1400:1440]
    worst = WorstCase(x)
    for attack in (Square(queries=100), Uniform(draws=50)):
        worst.add(attack(OnnxTarget(classifier), x, y, EPSILON))
    return {"images": worst.images, "labels": y, "originals": x, **worst.finds.arrays(x.shape[1:])}


class OffByOne(OnnxTarget):
    """A circuit that gets one score of one image wrong, by the least amount."""

    name = "rtl"

    def predict(self, images: np.ndarray) -> np.ndarray:
        scores = super().predict(images)
        scores[min(4, len(scores) - 1), 7] += 1
        return scores


class Deaf(OnnxTarget):
    """A circuit that says 3 whatever it sees."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.zeros_like(super().predict(images)) + (np.arange(10) == 3)


def _attack(target: object, twin: object, adversarial: dict[str, np.ndarray], data: Data, **changed: object):
    settings = {"images": 12, "queries": 60, "attacks": ("square",), "replay": 0} | changed
    progress = settings.pop("progress", None)
    config = HilConfig(**settings)
    return attack_circuit(target, twin, adversarial, *data, epsilon=EPSILON, config=config, seed=2, progress=progress)


def test_the_record_counts_what_happened(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    target, twin = OnnxTarget(classifier), OnnxTarget(classifier)
    seen: list[float] = []
    names = ("square", "uniform", "hop-skip-jump")
    record, arrays = _attack(
        target, twin, adversarial, data, attacks=names, progress=lambda done, text: seen.append(done)
    )
    json.dumps(record, allow_nan=False)
    x, y = data[0][:12], data[1][:12]
    assert (record["target"], record["attack"], record["images"]) == ("onnxruntime", ", ".join(names), 12)
    assert record["queries"] == arrays["queries"].sum() <= 3 * 12 * 60
    assert record["clean_accuracy"] == (twin.predict(x).argmax(1) == y).mean()
    assert record["accuracy"] == (twin.predict(arrays["images"]).argmax(1) == y).mean() < record["clean_accuracy"]
    assert [attack["name"] for attack in record["attacks"]] == list(names)
    assert [attack["access"] for attack in record["attacks"]] == ["scores", "labels", "labels"]
    assert sum(attack["queries"] for attack in record["attacks"]) == record["queries"]
    assert record["accuracy"] <= min(attack["accuracy"] for attack in record["attacks"])
    for attack in record["attacks"]:
        assert attack["most_queries"] <= attack["budget"] == 60 and attack["queries_per_second"] > 0
    fooled = int((twin.predict(adversarial["images"]).argmax(1) != adversarial["labels"]).sum())
    replay = record["replay"]
    assert 0 < fooled < 40 and replay["fool_twin"] == replay["fool_circuit"] == fooled
    assert (replay["images"], replay["same_scores"]) == (40, 40)
    assert np.array_equal(arrays["replay_circuit"], arrays["replay_twin"]) and arrays["replay_twin"].shape == (40, 10)
    assert np.array_equal(arrays["originals"], x) and np.array_equal(arrays["labels"], y)
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0)


def test_with_one_attack_the_headline_is_that_attack(
    classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data
) -> None:
    target = OnnxTarget(classifier)
    record, arrays = _attack(target, OnnxTarget(classifier), adversarial, data)
    (only,) = record["attacks"]
    alone = Square(queries=60, seed=2)(OnnxTarget(classifier), data[0][:12], data[1][:12], EPSILON)
    assert np.array_equal(arrays["images"], alone.images) and np.array_equal(arrays["success"], alone.success)
    assert (record["attack"], record["accuracy"], record["queries"]) == ("square", only["accuracy"], only["queries"])


def test_every_find_is_replayed_on_both(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    target, twin = OnnxTarget(classifier), OnnxTarget(classifier)
    names = ("square", "nes")
    record, arrays = _attack(target, twin, adversarial, data, attacks=names)
    rows = record["replay"]["attacks"]
    assert [(row["attack"], row["found_on"]) for row in rows] == [
        *(("square", "torch"), ("uniform", "torch"), ("square", "onnxruntime"), ("nes", "onnxruntime")),
    ]
    for row in rows:  # the same network everywhere: whatever fooled it still does
        assert row["found"] == row["replayed"] == row["golden"] == row["circuit"] == row["same_scores"]
    assert [row["found"] for row in rows[:2]] == [
        (adversarial["found_by"] == name).sum() for name in ("square", "uniform")
    ]
    moved = (arrays["images"] != arrays["originals"]).any(axis=(1, 2, 3))
    assert moved.sum() <= rows[2]["found"] + rows[3]["found"]
    few, _ = _attack(OnnxTarget(classifier), twin, adversarial, data, attacks=names, replay=2)
    assert [row["replayed"] for row in few["replay"]["attacks"]] == [min(2, row["found"]) for row in rows]


def test_finds_that_another_circuit_withstands_are_not_counted(
    classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data
) -> None:
    record, _ = _attack(Deaf(classifier), OnnxTarget(classifier), adversarial, data)
    rows = record["replay"]["attacks"][:2]
    assert all(row["golden"] == row["found"] > row["circuit"] and row["same_scores"] == 0 for row in rows)


def test_one_wrong_score_is_seen(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    record, arrays = _attack(OffByOne(classifier), OnnxTarget(classifier), adversarial, data)
    assert record["replay"]["same_scores"] == 39
    assert np.argwhere(arrays["replay_circuit"] != arrays["replay_twin"]).tolist() == [[4, 7]]


def test_bad_data_is_refused(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    target = OnnxTarget(classifier)
    with pytest.raises(FlowError, match="finds: expected uint8 images"):
        _attack(target, target, adversarial | {"found_of": adversarial["found_of"] + 40}, data)
    with pytest.raises(FlowError, match="hil replay: expected uint8 images"):
        _attack(target, target, adversarial | {"images": adversarial["images"] / 255}, data)


@pytest.mark.sim
def test_the_simulated_circuit_gives_the_golden_scores(
    classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data, tmp_path: Path
) -> None:
    names = ("square", "spsa", "hop-skip-jump")
    with RtlTarget(classifier, build(classifier, tmp_path)) as circuit:
        record, arrays = _attack(circuit, OnnxTarget(classifier), adversarial, data, attacks=names)
    golden, same = _attack(OnnxTarget(classifier), OnnxTarget(classifier), adversarial, data, attacks=names)
    assert record["target"] == "rtl" and record["replay"]["same_scores"] == 40
    assert all(np.array_equal(arrays[name], same[name]) for name in arrays)
    assert _fixed(record) == _fixed(golden)


def _fixed(value: object) -> object:
    """The record without what depends on the machine or on the target's name."""
    moving = {"target", "found_on", "seconds", "queries_per_second"}
    if isinstance(value, dict):
        return {key: _fixed(item) for key, item in value.items() if key not in moving}
    return [_fixed(item) for item in value] if isinstance(value, list) else value
