"""Attacks by name, from plain values."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from flows.attack.registry import ATTACKS, GRADIENTS, LINF, attack_names, build, entry, parameters
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

QUERIES = ("square", "parsimonious", "nes", "spsa", "zoo", "hop-skip-jump", "boundary", "substitute")
NEEDED = {name: {"queries": 50} for name in QUERIES}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_entry_says_what_its_class_is(name: str) -> None:
    attack = build(name, NEEDED.get(name))
    assert attack.name == name and attack.seed == 0
    assert entry(name).norms and entry(name).title
    for parameter in parameters(name).values():
        assert set(parameter.types) <= {int, float, bool, str, type(None)}


@pytest.mark.parametrize("name", attack_names(GRADIENTS))
def test_gradients_are_not_asked_of_a_circuit(name: str, data: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(FlowError, match="replay its images on the circuit, or use the square attack"):
        build(name)(object(), *data, 0.1)


def test_every_attack_is_registered() -> None:
    made_for_tests_or_from_arrays = {"ArtSquare", "Transfer", "FiniteDifference"}
    found = set()
    for path in Path(inspect.getfile(entry)).parent.glob("*.py"):
        module = import_module(f"flows.attack.{path.stem}")
        for name, kind in inspect.getmembers(module, inspect.isclass):
            call = inspect.signature(kind.__call__).parameters if hasattr(kind, "__call__") else ()  # noqa: B004
            if kind.__module__ == module.__name__ and list(call) == ["self", "target", "x", "y", "epsilon"]:
                found.add(name)
    assert found - made_for_tests_or_from_arrays - {"Attack"} == {item.factory for item in ATTACKS.values()}


def test_names_by_access_and_norm() -> None:
    assert attack_names() == list(ATTACKS)
    assert {"fgsm", "pgd"} <= set(attack_names(GRADIENTS, LINF)) and "square" not in attack_names(GRADIENTS)


def test_plain_values_become_an_attack(target: TorchTarget, data: tuple[np.ndarray, np.ndarray]) -> None:
    attack = build("pgd", {"steps": 3, "step_size": None, "loss": "margin", "seed": 7})
    assert (attack.steps, attack.step_size, attack.loss, attack.seed) == (3, None, "margin", 7)
    assert build("square", {"queries": 9, "area": 1}).area == 1.0
    seen = []
    build("square", {"queries": 9}, progress=lambda asked, standing: seen.append(standing))(target, *data, 0.1)
    assert seen and parameters("square")["queries"].required


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("pdg", {}, "unknown attack 'pdg'; did you mean pgd"),
        ("zzzz", {}, "unknown attack 'zzzz'; known here: fgsm, "),
        ("pgd", {"stesp": 3}, "pgd: unknown parameter 'stesp'; did you mean steps"),
        ("pgd", {"progress": 3}, "pgd: unknown parameter 'progress'"),
        ("pgd", {"steps": 1.5}, "pgd steps: expected a whole number, got 1.5"),
        ("pgd", {"steps": True}, "pgd steps: expected a whole number, got True"),
        ("pgd", {"step_size": "big"}, "pgd step_size: expected a number or nothing, got 'big'"),
        ("square", {}, "square: expected a value for queries"),
        ("pgd", {"steps": 0}, "pgd steps: expected at least 1, got 0"),
    ],
)
def test_bad_values_are_refused(name: str, values: dict[str, object], text: str) -> None:
    with pytest.raises(FlowError, match=text):
        build(name, values)


def test_an_attack_whose_tools_are_absent_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "flows.attack.substitute", raising=False)
    with pytest.raises(FlowError, match="Substitute: expected torch to be installed, or another attack"):
        build("substitute", {"queries": 9})
