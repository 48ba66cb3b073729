"""Rows of robustness: what they say of a run, twins that are there once, and the page that says what the rows say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flows.config import dump_toml, load_preset, override
from flows.errors import FlowError
from flows.report import noise_table
from flows.report.robustness import BEGIN, END, GROWTH, assemble, keep, rows_of, table, write_page

ROOT = Path(__file__).parents[3]


@pytest.fixture
def configured(run_folder: Path, tmp_path: Path):
    """The synthetic run under a name and with settings of the digits preset."""

    def make(name: str, *settings: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(run_folder, folder)
        config = override(load_preset("digits"), [f'name="{name}"', *settings])
        (folder / "config.toml").write_text(dump_toml(config))
        return folder

    return make


def test_a_run_gives_three_rows(configured) -> None:
    rows = {row["defence"]: row for row in rows_of(configured("one"), "holdfast run digits")}
    assert set(rows) == {"float", "quantized", "dqa+dq+at"}
    defended = rows["dqa+dq+at"]
    assert (defended["clean"], defended["fgsm"], defended["pgd"]) == (0.9711, 0.525, 0.41)
    assert defended["worst_case"] == pytest.approx(0.40)
    assert (defended["objective"], rows["float"]["objective"]) == ("pgd", None)
    assert (rows["float"]["weight_bits"], rows["quantized"]["weight_bits"]) == (32, 4)
    assert (defended["epsilon"], defended["images"], defended["test_images"]) == (0.1, 200, 450)
    assert defended["command"] == "holdfast run digits"
    assert [row["activation"] for row in rows.values()] == ["dqa_dynamic", "relu", "float"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (('quant.activation="relu"', "defence.lipschitz_beta=0.0", "defence.adversarial=0.0"), "quantized"),
        (('quant.activation="relu"', "defence.lipschitz_beta=0.0", "defence.jacobian_layers=0.1"), "jr+at"),
        (("defence.lipschitz_beta=0.0", "defence.adversarial=0.0", "defence.jacobian=0.1"), "dqa+jr"),
        (("defence.adversarial=0.0",), "dqa+dq"),
    ],
)
def test_a_defence_is_named_by_its_parts(configured, settings: tuple[str, ...], name: str) -> None:
    assert rows_of(configured("one", *settings), "")[0]["defence"] == name


def test_the_table_says_how_strong_a_penalty_and_how_coarse_an_input_was(configured, tmp_path: Path) -> None:
    results = tmp_path / "results"
    keep(configured("one", "defence.lipschitz_beta=0.02", "quant.input_bits=1"), results, "")
    assemble(results)
    lines = table(results).splitlines()
    assert [line for line in lines if "| dqa+dq+at (β 0.02) | 4/2, input 1 |" in line] == lines[-1:]
    assert not [line for line in lines[:-1] if "β" in line or "input" in line]


def test_the_weight_of_the_jacobian_penalty_is_said(configured, tmp_path: Path) -> None:
    settings = ("defence.lipschitz_beta=0.0", "defence.adversarial=0.0", "defence.jacobian=0.01")
    keep(configured("one", *settings), tmp_path, "")
    assemble(tmp_path)
    assert "| dqa+jr (λ 0.01) |" in table(tmp_path).splitlines()[-1]


def test_how_different_members_were_made_is_said_of_ensembles_alone(configured, tmp_path: Path) -> None:
    settings = ("defence.lipschitz_beta=0.0", "quant.members=[2, 3]", 'quant.activation="sq"', "defence.diversity=0.5")
    keep(configured("one", *settings), tmp_path, "")
    assemble(tmp_path)
    lines = [line for line in table(tmp_path).splitlines() if "diversity" in line]
    assert len(lines) == 1 and "| sq+at (diversity 0.5) | 2-3/2-3 |" in lines[0]


def test_fixed_thresholds_are_said(configured, tmp_path: Path) -> None:
    keep(configured("one", 'quant.activation="dqa_fixed"', "defence.lipschitz_beta=0.0"), tmp_path, "")
    assemble(tmp_path)
    assert "| dqa+at (fixed) |" in table(tmp_path).splitlines()[-1]


def test_how_noise_grew_is_the_last_distance_over_the_first(configured, tmp_path: Path) -> None:
    run = configured("one")
    path = run / "attack" / "attack.json"
    record = json.loads(path.read_text())
    inside = record["networks"]["defended"]["layers"]
    inside |= {"noise": [0.5, 3.0, 1.0], "adversarial": [0.25, 2.0, 1.5], "product": 12.0}
    record["networks"]["float"].pop("layers", None)
    path.write_text(json.dumps(record))
    keep(run, tmp_path, "")
    assemble(tmp_path)
    rows = {row["defence"]: row for row in json.loads((tmp_path / "robustness.json").read_text())}
    assert [rows["dqa+dq+at"][key] for key in GROWTH] == [2.0, 6.0, 12.0]
    assert [rows["float"][key] for key in GROWTH] == [None] * 3
    lines = noise_table.table(tmp_path).splitlines()
    assert lines[-1].endswith("| 2 | 6 | 12 |") and not [line for line in lines if "float" in line]


def test_twins_of_two_runs_are_there_once(configured, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for name, settings in (("one", ()), ("two", ("defence.adversarial=0.0",)), ("three", ("quant.weight_bits=3",))):
        keep(configured(name, *settings), results, "")
    rows = json.loads(assemble(results).read_text())
    assert [row["defence"] for row in rows] == ["float", *["quantized"] * 2, "dqa+dq", *["dqa+dq+at"] * 2]
    assert all("twin_of" not in row for row in rows)
    assert len(table(results).splitlines()) == 2 + len(rows)


@pytest.mark.parametrize("harder", ["one", "two", "three"])
def test_of_the_same_twin_the_hardest_attacked_row_is_kept(configured, tmp_path: Path, harder: str) -> None:
    results = tmp_path / "results"
    for name in ("one", "two", "three"):
        file = keep(configured(name), results, name)
        rows = json.loads(file.read_text())
        for row in rows:
            row["worst_case"] = {"one": 0.03, "two": 0.02, "three": 0.01}[name]
            row["audited"] = name == harder
        file.write_text(json.dumps(rows))
    found = {row["defence"]: row for row in json.loads(assemble(results).read_text())}
    assert found["float"]["command"] == found["quantized"]["command"] == harder


def test_a_run_without_any_defence_is_its_quantized_twin(configured, tmp_path: Path) -> None:
    none = ('quant.activation="relu"', "defence.lipschitz_beta=0.0", "defence.adversarial=0.0")
    keep(configured("one", *none), tmp_path, "")
    keep(configured("two"), tmp_path, "")
    keep(configured("three", *none, "quant.members=[2, 3]"), tmp_path, "")
    rows = [row for row in json.loads(assemble(tmp_path).read_text()) if row["defence"] == "quantized"]
    assert sorted(str(row["activation_bits"]) for row in rows) == ["2", "[2, 3]"]
    alone = next(row for row in rows if row["activation_bits"] == 2)
    assert alone["verified"]["rtl"] == 449, "what the run of it alone was verified on is lost"


def test_rows_of_an_older_version_are_named(configured, tmp_path: Path) -> None:
    file = keep(configured("one"), tmp_path, "")
    rows = json.loads(file.read_text())
    del rows[1]["verified"]
    file.write_text(json.dumps(rows))
    with pytest.raises(FlowError, match=r"one.json: expected verified in every row, got none: an older holdfast"):
        assemble(tmp_path)


def test_without_an_attack_there_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(FlowError, match="expected a run with a finished attack stage"):
        rows_of(tmp_path, "")


def test_no_rows_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="expected rows of at least one run"):
        assemble(tmp_path)


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks")
    with pytest.raises(FlowError, match="expected the lines"):
        write_page(page, ROOT / "results")
    assert page.read_text() == "no marks"


def test_the_committed_page_says_what_the_results_say(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "robustness.md").read_text()
    assert text.split(BEGIN)[1].split(END)[0].strip() == table(ROOT / "results")
    noise = text.split(noise_table.BEGIN)[1].split(noise_table.END)[0]
    assert noise.strip() == noise_table.table(ROOT / "results")
    shutil.copytree(ROOT / "results" / "robustness", tmp_path / "robustness")
    assert assemble(tmp_path).read_text() == (ROOT / "results" / "robustness.json").read_text()
