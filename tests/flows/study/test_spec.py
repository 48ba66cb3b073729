"""What a study may say, and that the committed ones can be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli.stages import configure
from flows.errors import FlowError
from flows.study.run import command
from flows.study.spec import load_study

STUDIES = sorted((Path(__file__).parents[3] / "results" / "studies").glob("*.toml"))
RUN = 'name = "s"\n[[runs]]\nname = "a"\npreset = "digits"\n'


def load(tmp_path: Path, text: str):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return load_study(path)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_committed_studies_are_whole(path: Path) -> None:
    study = load_study(path)
    assert study.name == path.stem
    for entry in study.runs:
        assert configure(entry.preset, entry.settings(), None).name == entry.name


def test_the_command_makes_the_run_by_hand(tmp_path: Path) -> None:
    entry = load(tmp_path, RUN + 'set = ["defence.steps=3"]\n').runs[0]
    words = "holdfast run digits --set defence.steps=3 --set 'name=\"a\"' --until attack"
    assert command(entry) == words


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('name = "s"\nruns = []\n', "expected one or more with different names, got none"),
        (RUN + RUN.partition("\n")[2], "expected one or more with different names, got a, a"),
        (RUN + 'until = "train"\n', "expected one of attack, .* got 'train'"),
        (RUN + "certify = true\n", "expected until = 'compile' or later, got 'attack'"),
        (RUN + "certfy = true\n", "unknown key; did you mean .*certify"),
    ],
)
def test_what_a_study_may_not_be(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(FlowError, match=why):
        load(tmp_path, text)


def test_only_some_runs(tmp_path: Path) -> None:
    study = load(tmp_path, RUN)
    assert study.only([]) is study
    assert [run.name for run in study.only(["a"]).runs] == ["a"]
    with pytest.raises(FlowError, match="--only: expected one of a, got 'b'"):
        study.only(["b"])
