"""Every operator over its parameters, by hypothesis and by seeds; and that a wrong model would be found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.dataflow import KINDS
from hw.ops.threshold.threshold import Threshold
from tests.fuzz import branches
from tests.fuzz.disagreement import Disagreement
from tests.fuzz.drawer import Searching, Seeded
from tests.fuzz.operator_check import check_numpy, check_onnx
from tests.fuzz.operators import DRAW, inputs, on_thresholds


def test_every_operator_is_drawn() -> None:
    assert sorted(DRAW) == sorted(KINDS)


@pytest.mark.parametrize("kind", DRAW)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_golden_is_the_plain_reference(kind: str, data: st.DataObject) -> None:
    drawer = Searching(data)
    check_numpy(DRAW[kind](drawer), drawer)


def test_onnxruntime_is_the_plain_reference() -> None:
    cases = []
    for seed, kind in enumerate(list(DRAW) * 3):
        drawer = Seeded(seed, 11)
        cases.append(check_numpy(DRAW[kind](drawer), drawer))
    assert check_onnx(cases) >= len(cases) - 3


def test_inputs_sit_on_every_threshold() -> None:
    for seed in range(20):
        drawer = Seeded(seed, 12)
        op = DRAW["threshold"](drawer)
        (values,) = inputs(op, drawer, 1)
        near = set() if op.input_type.bipolar else {-1, 0, 1}
        for channel in range(op.shape[-1]):
            seen = set(values[..., channel].reshape(-1).tolist())
            wanted = {int(step) + by for step in op.thresholds[channel] for by in near}
            assert seen >= {value for value in wanted if op.input_type.min <= value <= op.input_type.max}
        assert len(on_thresholds(op)) == 3 * op.thresholds.shape[1]


def test_a_model_that_is_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Threshold.golden
    monkeypatch.setattr(Threshold, "golden", lambda op, values: real(op, values - 1))
    drawer = Seeded(4, 13)
    with pytest.raises(Disagreement, match="numpy at .* expected"):
        check_numpy(DRAW["threshold"](drawer), drawer)


def test_a_wrong_onnx_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real, drawer = Threshold.to_onnx, Seeded(4, 13)
    case = check_numpy(DRAW["threshold"](drawer), drawer)
    wrong = lambda op, builder, x: real(op, builder, builder.add("Add", x, builder.number(-1)))  # noqa: E731
    monkeypatch.setattr(Threshold, "to_onnx", wrong)
    with pytest.raises(Disagreement, match="onnxruntime at .* expected"):
        check_onnx([case])


def test_a_seed_is_a_network_with_branches(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    first, again = (branches.draw(9, tmp_path / name) for name in "ab")
    assert first.model.read_bytes() == again.model.read_bytes() and first.text == again.text
    texts = " ".join(branches.draw(seed, tmp_path).text for seed in range(20))
    assert all(word in texts for word in ("Add", "Sub", "concat", "average"))
