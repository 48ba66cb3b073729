"""Results kept in git: what is written, what is refused, and that the README says what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.errors import FlowError
from flows.report.results import BEGIN, END, publish, table, write_table

ROOT = Path(__file__).parents[3]


def test_the_readme_says_what_the_results_say() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.split(BEGIN)[1].split(END)[0].strip() == table(ROOT / "results")


def test_a_run_without_attack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(FlowError, match="expected a finished run, got one without accuracy, exactness, circuit, hil"):
        publish(tmp_path, tmp_path / "results")


def test_results_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="expected results of at least one run, found none"):
        table(tmp_path)


def test_a_readme_without_marks_is_left_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no marks")
    with pytest.raises(FlowError, match="expected the lines"):
        write_table(readme, ROOT / "results")
    assert readme.read_text() == "no marks"


def test_every_committed_result_is_exact() -> None:
    for path in (ROOT / "results").glob("*.json"):
        record = json.loads(path.read_text())
        if "summary" not in record:
            continue
        assert set(record["summary"]["exactness"]["mismatches"].values()) == {0}, path.name
