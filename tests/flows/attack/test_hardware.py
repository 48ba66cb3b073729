"""The attack through a circuit: what it reports, and that the circuit answers as the golden model does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.attack.hardware import attack_circuit
from flows.attack.square import Square
from flows.errors import FlowError
from flows.simulate import build
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from hw.dataflow import Dataflow
from tests.flows.golden.small_dataflow import linear

Data = tuple[np.ndarray, np.ndarray]
EPSILON = 0.1


@pytest.fixture(scope="module")
def classifier(digits: Data) -> Dataflow:
    """Least squares on the training digits, rounded to 8-bit weights."""
    x, y = digits[0][:1400].reshape(1400, 64).astype(float), np.eye(10)[digits[1][:1400]] * 2 - 1
    solution = np.linalg.lstsq(np.c_[x, np.ones(1400)], y, rcond=None)[0]
    scale = 127 / np.abs(solution[:-1]).max()
    rounded = np.rint(solution * scale).astype(int)
    return linear(rounded[:-1].T, rounded[-1])


@pytest.fixture(scope="module")
def adversarial(classifier: Dataflow, digits: Data) -> dict[str, np.ndarray]:
    x, y = digits[0][1400:1440], digits[1][1400:1440]
    return {"images": Square(queries=100)(OnnxTarget(classifier), x, y, EPSILON).images, "labels": y, "originals": x}


class OffByOne(OnnxTarget):
    """A circuit that gets one score of one image wrong, by the least amount."""

    name = "rtl"

    def predict(self, images: np.ndarray) -> np.ndarray:
        scores = super().predict(images)
        scores[min(4, len(scores) - 1), 7] += 1
        return scores


def _attack(target: object, twin: object, adversarial: dict[str, np.ndarray], data: Data, **changed: object):
    arguments = {"epsilon": EPSILON, "images": 12, "queries": 60, "seed": 2} | changed
    return attack_circuit(target, twin, adversarial, *data, **arguments)


def test_the_record_counts_what_happened(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    target, twin = OnnxTarget(classifier), OnnxTarget(classifier)
    seen: list[float] = []
    record, arrays = _attack(target, twin, adversarial, data, progress=lambda done, text: seen.append(done))
    json.dumps(record, allow_nan=False)
    assert set(record) == {
        *("target", "attack", "epsilon", "images", "queries", "clean_accuracy", "accuracy"),
        *("queries_per_second", "replay"),
    }
    x, y = data[0][:12], data[1][:12]
    assert (record["target"], record["attack"], record["images"]) == ("onnxruntime", "square", 12)
    assert record["queries"] == arrays["queries"].sum() <= 12 * 60
    assert target.queries == record["queries"] + 12 + 40 and twin.queries == 40
    assert record["clean_accuracy"] == (twin.predict(x).argmax(1) == y).mean()
    assert record["accuracy"] == (twin.predict(arrays["images"]).argmax(1) == y).mean() < record["clean_accuracy"]
    assert record["queries_per_second"] > 0
    fooled = int((twin.predict(adversarial["images"]).argmax(1) != adversarial["labels"]).sum())
    assert 0 < fooled < 40
    assert record["replay"] == {"images": 40, "same_scores": 40, "fool_twin": fooled, "fool_circuit": fooled}
    assert np.array_equal(arrays["replay_circuit"], arrays["replay_twin"]) and arrays["replay_twin"].shape == (40, 10)
    assert np.array_equal(arrays["originals"], x) and np.array_equal(arrays["labels"], y)
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0)


def test_one_wrong_score_is_seen(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    record, arrays = _attack(OffByOne(classifier), OnnxTarget(classifier), adversarial, data)
    assert record["replay"]["same_scores"] == 39
    assert np.argwhere(arrays["replay_circuit"] != arrays["replay_twin"]).tolist() == [[4, 7]]


def test_bad_data_is_refused(classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data) -> None:
    target = OnnxTarget(classifier)
    with pytest.raises(FlowError, match="hil images: expected at least 1, got 0"):
        _attack(target, target, adversarial, data, images=0)
    with pytest.raises(FlowError, match="hil replay: expected uint8 images"):
        _attack(target, target, adversarial | {"images": adversarial["images"] / 255}, data)


@pytest.mark.sim
def test_the_simulated_circuit_gives_the_golden_scores(
    classifier: Dataflow, adversarial: dict[str, np.ndarray], data: Data, tmp_path: Path
) -> None:
    with RtlTarget(classifier, build(classifier, tmp_path)) as circuit:
        record, arrays = _attack(circuit, OnnxTarget(classifier), adversarial, data)
    golden, same = _attack(OnnxTarget(classifier), OnnxTarget(classifier), adversarial, data)
    assert record["target"] == "rtl" and record["replay"]["same_scores"] == 40
    assert all(np.array_equal(arrays[name], same[name]) for name in arrays)
    moving = {"target", "queries_per_second"}
    assert {k: v for k, v in record.items() if k not in moving} == {k: v for k, v in golden.items() if k not in moving}
