"""What is kept of ensembles, and the page that says what was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.ensemble.record import NAME, NETWORK, TRAINED
from flows.errors import FlowError
from flows.report import ensembles
from flows.report.information_plane import COLOURS
from flows.run import digest


def measured(folder: Path, name: str, dataset: str = "digits", evaded: float | None = 0.55) -> Path:
    run = folder / name
    (run / NETWORK).parent.mkdir(parents=True)
    (run / NETWORK).write_bytes(name.encode())
    left = {"clean": 0.95, "fgsm": 0.5, "one_draw_pgd": 0.4, "eot_pgd": 0.125}
    record = {
        "run": name,
        "dataset": dataset,
        TRAINED: digest.of_file(run / NETWORK),
        "title": "SQ ensemble",
        "epsilon": 0.1,
        "answers": {"sum": left, "random": left | {"eot_pgd": 0.25}},
        "detection": [{"attack": "eot-pgd", "auroc": 0.814}, {"attack": "evasion", "auroc": evaded}],
        "plane": [{"epsilon": e, "accuracy": 1 - 3 * e, "mutual_information": 1.5 - e} for e in (0.0, 0.1, 0.2)],
    }
    (run / NAME).write_text(json.dumps(record))
    return run


def test_every_ensemble_has_two_rows_and_every_data_set_a_plane(tmp_path: Path) -> None:
    results, page = tmp_path / "results", tmp_path / "page.md"
    for name, dataset, evaded in (("b", "mnist", None), ("c", "digits", 0.55), ("a", "digits", 0.5)):
        ensembles.keep(measured(tmp_path, name, dataset, evaded), results)
    page.write_text(f"before\n{ensembles.BEGIN}\nold\n{ensembles.END}\nafter\n")
    ensembles.write_page(page, results)
    lines = page.read_text().splitlines()
    assert lines[4:6] == [
        "| digits | `a` | 0.1 | scores added | 95.0 % | 50.0 % | 40.0 % | 12.5 % | 0.81 | 0.50 |",
        "| digits | `a` | 0.1 | one member drawn | 95.0 % | 50.0 % | 40.0 % | 25.0 % |  |  |",
    ]
    assert [line.split("`")[1] for line in lines[4:10]] == ["a", "a", "c", "c", "b", "b"]
    assert lines[8].endswith("| 0.81 | - |") and (lines[0], lines[-1]) == ("before", "after")
    digits = (results / "ensembles" / "digits.svg").read_text()
    assert ">a<" in digits and ">c<" in digits and ">b<" not in digits
    assert ">b<" in (results / "ensembles" / "mnist.svg").read_text()


def test_no_ensemble_is_left_out_of_the_plane(tmp_path: Path) -> None:
    results, page = tmp_path / "results", tmp_path / "page.md"
    names = [f"run{index}" for index in range(len(COLOURS) + 2)]
    for name in names:
        ensembles.keep(measured(tmp_path, name), results)
    page.write_text(f"{ensembles.BEGIN}\n{ensembles.END}\n")
    ensembles.write_page(page, results)
    drawn = (results / "ensembles" / "digits.svg").read_text()
    assert all(f">{name}<" in drawn for name in names)


def test_of_no_ensembles_there_is_an_empty_table(tmp_path: Path) -> None:
    assert len(ensembles.table(tmp_path).splitlines()) == 2


def test_figures_of_another_network_are_not_kept(tmp_path: Path) -> None:
    run = measured(tmp_path, "a")
    (run / NETWORK).write_bytes(b"trained again")
    with pytest.raises(FlowError, match="expected ensemble.json of its trained network, got none"):
        ensembles.keep(run, tmp_path / "results")
