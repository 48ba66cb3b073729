"""Fixed random networks through QONNX, finn, golden, onnxruntime and the circuit; `python -m tests.fuzz` draws more."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from flows.compile.refuse import Unsupported
from tests.fuzz import branches
from tests.fuzz.check import check
from tests.fuzz.circuits import Structure, other_integers
from tests.fuzz.disagreement import Disagreement, equal
from tests.fuzz.families import APART, REFUSAL, Refused, _structure
from tests.fuzz.networks import draw, images
from tests.fuzz.state import State

SEEDS = (3, 8, 13, 14, 113, 1012)
MORE = range(5000, 5030)


@pytest.mark.sim
@pytest.mark.parametrize("seed", SEEDS)
def test_every_engine_gives_the_same_integers(seed: int, tmp_path: Path) -> None:
    assert "of" in check(draw(seed, tmp_path), tmp_path)


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_more_networks(seed: int, tmp_path: Path) -> None:
    check(draw(seed, tmp_path), tmp_path)


@pytest.mark.parametrize("seed", [1, 4])
def test_networks_with_branches(seed: int, tmp_path: Path) -> None:
    check(branches.draw(seed, tmp_path), tmp_path, circuit=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 30))
def test_more_networks_with_branches(seed: int, tmp_path: Path) -> None:
    case = branches.draw(seed, tmp_path)
    try:
        check(case, tmp_path, circuit=False)
    except Unsupported as refused:  # weights that would need more than 8 bits to take up a scale per channel
        assert REFUSAL in str(refused)


@pytest.mark.sim
def test_many_networks_of_one_structure_in_one_build(tmp_path: Path) -> None:
    structure = Structure.draw(2, tmp_path)
    for seed in range(10):
        structure.check(seed)
    wrong = other_integers(structure.dataflow, np.random.default_rng(1))
    assert wrong != structure.dataflow and wrong.output == structure.dataflow.output


def test_a_seed_is_a_network(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    first, again = (draw(7, tmp_path / name) for name in "ab")
    assert first.model.read_bytes() == again.model.read_bytes() and first.text == again.text
    assert np.array_equal(images(first, 2), images(again, 2))


def test_a_wrong_integer_is_told() -> None:
    with pytest.raises(Disagreement, match=r"here: at \(0, 1\) expected 2, got 3"):
        equal("here", np.array([[1, 2]]), np.array([[1, 3]]))


def test_a_run_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    state = State(file, "this")
    state.add("operators", 0, 150, 2.0)
    state.add("networks", 7, 1, 1.0, "Disagreement: here")
    state.add("networks", 9, 1, 1.0, refused=1)
    again = State(file, "this")
    assert again.has("operators", 0) and not again.has("operators", 150) and not again.has("networks", 7)
    assert again.has("networks", 9)
    assert again.summary() == {
        **{"cases": 152, "agreed": 150, "refused": 1, "failed": {"networks 7": "Disagreement: here"}},
        "kinds": {
            "operators": {"cases": 150, "agreed": 150, "refused": 0, "seconds": 2.0},
            "networks": {"cases": 2, "agreed": 0, "refused": 1, "seconds": 2.0},
        },
    }
    assert State(file, "another").batches == {}
    file.write_text("{")
    assert State(file, "this").batches == {}


def test_another_structure_is_drawn_where_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, asked = 2, []

    def draw(seed: int, folder: Path) -> str:
        asked.append(seed)
        if len(asked) <= refusals:
            raise Unsupported(SimpleNamespace(name="n0", op_type="Conv"), f"its input has {REFUSAL} 11 bits", "use one")
        return "structure"

    monkeypatch.setattr(Structure, "draw", draw)
    assert _structure(7, tmp_path) == "structure" and asked == [7, 7 + APART, 7 + 2 * APART]
    refusals = 10**6
    with pytest.raises(Refused, match="of seed 7"):
        _structure(7, tmp_path)
