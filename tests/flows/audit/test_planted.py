"""The verdict on networks of which it is known whether their figure can be believed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from flows.attack.evaluation import Effort, Evaluation, Subject
from flows.config import AttackConfig
from flows.targets.torch_target import TorchTarget
from tests.flows.audit.planted import EPSILON, NETWORKS, TRAIN, data, noisy_input, trained

CONFIG = AttackConfig(
    epsilon=EPSILON,
    sweep=(EPSILON,),
    images=60,
    pgd_steps=15,
    pgd_restarts=2,
    square_queries=200,
    square_images=60,
)


def _record(network: nn.Module, *, thorough: bool = True, seed: int = 0) -> dict:
    pixels, classes = data()
    subject = Subject(TorchTarget(network, None), "planted")
    return Evaluation(subject, pixels[TRAIN:], classes[TRAIN:], Effort(CONFIG, thorough), seed).record()


def _failed(audit: dict) -> set[str]:
    return {check["name"] for check in audit["checks"] if check["verdict"] == "fail"}


@pytest.fixture(scope="module")
def records() -> dict[str, dict]:
    return {name: _record(make(0)) for name, (make, _) in NETWORKS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_verdict(name: str, records: dict[str, dict]) -> None:
    audit = records[name]["audit"]
    assert audit["verdict"] == NETWORKS[name][1], [c for c in audit["checks"] if c["verdict"] != "pass"]


@pytest.mark.slow
def test_each_is_masked_for_its_own_reason(records: dict[str, dict]) -> None:
    failed = {name: _failed(record["audit"]) for name, record in records.items()}
    assert {"every image has a gradient", "unbounded attack reaches zero"} <= failed["hard sign"]
    assert failed["huge scores"] == {"every image has a gradient"}
    for name in ("noisy input", "noisy output"):
        assert "the same image gives the same answer" in failed[name]
        assert "every image has a gradient" not in failed[name]


@pytest.mark.slow
def test_large_scores_change_the_own_figure_but_not_the_worst_case(records: dict[str, dict]) -> None:
    plain, scaled = records["undefended"], records["huge scores"]
    assert scaled["audit"]["own_gradient"]["accuracy"] > plain["audit"]["own_gradient"]["accuracy"] + 0.4
    assert abs(scaled["worst_case"]["accuracy"] - plain["worst_case"]["accuracy"]) <= 0.05


@pytest.mark.slow
def test_a_random_network_gives_the_same_record_for_the_same_seed() -> None:
    network = noisy_input(1)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first = _record(network, thorough=False, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(99)
    assert _record(network, thorough=False, seed=3) == first


def test_a_short_evaluation_tells_a_plain_network_too() -> None:
    record = _record(trained(2), thorough=False)
    assert record["audit"]["verdict"] == "sound"
    assert all(check["low"] <= check["share"] <= check["high"] for check in record["audit"]["checks"])
    for attack in record["attacks"]:
        assert {"accuracy", "low", "high", "images", "queries"} <= set(attack)
        assert attack["details"]["epsilon"] == EPSILON and attack["details"]["codes"] == 25
        assert "seed" in attack["details"]
