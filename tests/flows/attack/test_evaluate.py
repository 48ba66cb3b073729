"""The whole evaluation on small networks: the record's shape and that its figures agree with each other."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from flows.attack.common import labels
from flows.attack.evaluate import evaluate
from flows.attack.evaluation import Subject
from flows.config import AttackConfig
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

CONFIG = AttackConfig(
    epsilon=0.1,
    sweep=(0.02, 0.05, 0.1, 0.2),
    images=40,
    pgd_steps=8,
    pgd_restarts=1,
    square_queries=40,
    square_images=15,
)
Result = tuple[dict[str, object], dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def networks(network: torch.nn.Module, masked: torch.nn.Module) -> dict[str, Subject]:
    return {
        "defended": Subject(TorchTarget(masked, None), "masked", 4, (2, 1)),
        "float": Subject(TorchTarget(network, None), "plain"),
    }


@pytest.fixture(scope="module")
def result(networks: dict[str, Subject], digits: tuple[np.ndarray, np.ndarray]) -> Result:
    return evaluate(networks, digits[0][1400:], digits[1][1400:], CONFIG, 3)


def test_the_record_has_its_shape(result: Result) -> None:
    record = json.loads(json.dumps(result[0], allow_nan=False))
    assert list(record) == ["epsilon", "images", "networks", "examples"]
    assert (record["epsilon"], record["images"]) == (0.1, 40)
    assert list(record["networks"]) == ["defended", "float"]
    for network in record["networks"].values():
        assert set(network) == {
            *("title", "weight_bits", "activation_bits", "clean", "attacks", "worst_case", "curve", "layers", "audit")
        }
        assert network["clean"]["images"] == 397 and network["worst_case"]["images"] == 40
        for attack in network["attacks"]:
            assert set(attack) == {"name", "backward", "accuracy", "low", "high", "images", "queries", "details"}
            assert attack["queries"] >= attack["images"] == (15 if attack["name"] == "square" else 40)
        assert set(network["audit"]) == {"verdict", "own_gradient", "zero_gradient_share", "checks"}
    names = [attack["name"] for attack in record["networks"]["float"]["attacks"]]
    assert names == ["fgsm", "pgd", "pgd-margin", "apgd-t", "uniform", "square"]
    names = [attack["name"] for attack in record["networks"]["defended"]["attacks"]]
    assert names == ["fgsm", "pgd", "pgd-margin", "apgd-t", "transfer", "uniform", "square"]
    assert record["networks"]["defended"]["activation_bits"] == [2, 1]
    assert record["networks"]["float"]["weight_bits"] is None


@pytest.mark.parametrize("name", ["defended", "float"])
def test_the_figures_agree(result: Result, name: str) -> None:
    network = result[0]["networks"][name]
    everywhere = [attack["accuracy"] for attack in network["attacks"] if attack["images"] == 40]
    worst = network["worst_case"]
    assert worst["low"] <= worst["accuracy"] <= worst["high"] and worst["accuracy"] <= min(everywhere)
    curve = {point["epsilon"]: point["accuracy"] for point in network["curve"]}
    assert list(curve) == [0.0, 0.02, 0.05, 0.1, 0.2]
    assert sorted(curve.values(), reverse=True) == list(curve.values())
    assert curve[0.1] == pytest.approx(worst["accuracy"])
    assert curve[0.2] < curve[0.0]


def test_the_audit_tells_the_two_apart(result: Result) -> None:
    audits = {name: network["audit"] for name, network in result[0]["networks"].items()}
    assert (audits["float"]["verdict"], audits["defended"]["verdict"]) == ("sound", "masked")
    failed = {check["name"] for check in audits["defended"]["checks"] if check["verdict"] == "fail"}
    assert {"every image has a gradient", "unbounded attack reaches zero"} <= failed


def test_the_adversarial_images_are_those_of_the_worst_case(
    result: Result, networks: dict[str, Subject], digits: tuple[np.ndarray, np.ndarray]
) -> None:
    record, arrays = result
    found_by = arrays["found_by"].dtype
    assert {name: array.dtype for name, array in arrays.items()} == {
        **{"images": np.uint8, "labels": np.int64, "originals": np.uint8},
        **{"found_images": np.uint8, "found_of": np.int64, "found_by": found_by},
    }
    assert found_by.kind == "U"
    assert np.array_equal(arrays["originals"], digits[0][1400:1440])
    right = labels(networks["defended"].target, arrays["images"]) == arrays["labels"]
    assert right.mean() == pytest.approx(record["networks"]["defended"]["worst_case"]["accuracy"])
    distance = np.abs(arrays["images"].astype(int) - arrays["originals"]).reshape(40, -1).max(axis=1)
    assert distance.max() <= 25 and not distance[right].any()


def test_examples_show_fooled_images_first(result: Result, digits: tuple[np.ndarray, np.ndarray]) -> None:
    shown = result[0]["examples"]
    assert len(shown) == 12
    turned = [e["clean_prediction"] == e["label"] != e["adversarial_prediction"] for e in shown]
    assert turned[0] and turned == sorted(turned, reverse=True)
    images = digits[0][1400:1440, 0].tolist()
    assert all(example["clean"] in images for example in shown)
    assert np.array(shown[0]["adversarial"]).shape == (8, 8) and shown[0]["adversarial"] != shown[0]["clean"]


def test_the_same_seed_gives_the_same_record(
    result: Result, networks: dict[str, Subject], digits: tuple[np.ndarray, np.ndarray]
) -> None:
    seen: list[float] = []
    again = evaluate(networks, digits[0][1400:], digits[1][1400:], CONFIG, 3, lambda done, text: seen.append(done))
    assert again[0] == result[0]
    assert np.array_equal(again[1]["images"], result[1]["images"])
    assert seen[0] == 0 and seen == sorted(seen) and len(set(seen)) == len(seen)
    assert seen[-1] == pytest.approx(1 - (seen[1] - seen[0]))


def test_bad_requests_are_refused(networks: dict[str, Subject], data: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(FlowError, match="expected a network named 'defended', got float"):
        evaluate({"float": networks["float"]}, *data, CONFIG, 0)
    with pytest.raises(FlowError, match="expected at least one image and a class number for each"):
        evaluate(networks, data[0][:0], data[1][:0], CONFIG, 0)


def test_every_attacks_finds_are_kept(result: Result, networks: dict[str, Subject]) -> None:
    _, arrays = result
    images, of, by = (arrays[name] for name in ("found_images", "found_of", "found_by"))
    target = networks["defended"].target
    assert (target.predict(images).argmax(axis=1) != arrays["labels"][of]).all()
    assert (images != arrays["originals"][of]).any(axis=(1, 2, 3)).all()
    assert len(set(zip(by.tolist(), of.tolist(), strict=True))) == len(by)
    moved = np.flatnonzero((arrays["images"] != arrays["originals"]).any(axis=(1, 2, 3)))
    assert set(of.tolist()) == set(moved.tolist())  # what made the worst case, and nothing else
    assert {"square", "uniform"} <= set(by.tolist()) and any(name.startswith("pgd (") for name in by)
