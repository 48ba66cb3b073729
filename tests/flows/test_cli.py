"""What the command line says, and with which exit status."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import cli
from flows.config import preset_names
from flows.run.stage import Stage
from flows.stages import STAGES
from tests.flows.run.fake_stages import stages

runner = CliRunner()


def call(*words: str) -> Result:
    return runner.invoke(cli.app, list(words))


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Tiny stages instead of the real ones, in an empty working directory, without HOLDFAST_DATA."""
    chain = (*stages(), Stage("report", lambda context: (context.run / "report.html").write_text("") and None,
                              inputs=("double",), beside=("report.html",)))  # fmt: skip
    monkeypatch.setattr(cli.stages, "STAGES", chain)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLDFAST_DATA", raising=False)
    return tmp_path


def test_a_run_ends_with_the_reports_path(fakes: Path) -> None:
    result = call("run", "digits")
    assert result.exit_code == 0
    assert result.stdout == "report: runs/digits/report.html\n"
    assert "[ 2/4] double" in result.stderr
    again = call("run", "digits")
    assert again.stderr.count("unchanged") == 4


def test_until_set_out_and_from(fakes: Path) -> None:
    result = call("run", "digits", "--until", "double", "--set", "attack.images=3", "--out", "here")
    assert result.stdout == "written: here/double\n"
    assert (fakes / "here/double/deep/double.txt").read_text() == "0 2 4"
    assert not (fakes / "here/total.txt").exists()
    result = call("run", "digits", "--set", "attack.images=3", "--out", "here", "--from", "double")
    assert "numbers  unchanged" in result.stderr and "double   asked for" in result.stderr


def test_a_file_is_a_preset_too(fakes: Path) -> None:
    call("run", "digits", "--out", "here", "--set", "attack.images=3")
    assert "double   unchanged" in call("run", "here/config.toml", "--out", "here").stderr


PRESETS = ", ".join(preset_names())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("run", "digit"), f"unknown preset 'digit'; did you mean digits?; presets: {PRESETS}"),
        (("run", "digits", "--set", "atack.epsilon=1"), "atack: unknown section; did you mean attack?"),
        (
            ("run", "digits", "--set", "quant.weight_bits=9"),
            "quant.weight_bits: expected 1 to 8 bits, got 9; choose a width the circuit supports",
        ),
        (("run", "digits", "--until", "trian"), "unknown stage 'trian'; stages: numbers, double, total, report"),
        (("run", "none.toml"), "none.toml: expected a configuration in TOML, got No such file or directory"),
        (("data", "fetch", "mnist"), "expected a folder for the data, got none; give --to DIR or set HOLDFAST_DATA"),
        (("data", "fetch", "minst", "--to", "x"), "fetch: expected one of mnist, cifar10, svhn, speech, got 'minst'"),
    ],
)
def test_what_a_user_can_mend_is_one_line(fakes: Path, words: tuple[str, ...], text: str) -> None:
    result = call(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"holdfast: {text}\n"


def test_from_a_stage_that_does_not_run(fakes: Path) -> None:
    result = call("run", "digits", "--until", "double", "--from", "total")
    assert result.stderr == (
        "holdfast: --from total: expected a stage that this command runs, one of numbers, double\n"
    )
    assert result.exit_code == 1 and not (fakes / "runs").exists()


def test_a_fault_of_ours_is_one_line_too(fakes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(context: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(cli.stages, "STAGES", stages(broken))
    result = call("run", "digits")
    assert result.exit_code == 70
    last = result.stderr.splitlines()[-1]
    assert last == "holdfast: unexpected KeyError: 'odd'; please report it with what --debug prints"
    assert type(call("run", "digits", "--debug").exception) is KeyError


def test_a_folder_that_cannot_be_made_is_one_line(fakes: Path) -> None:
    (fakes / "file").write_text("")
    result = call("data", "fetch", "mnist", "--to", "file")
    assert result.exit_code == 1
    assert result.stderr == (
        "holdfast: file/mnist: expected to be able to read and write it, got: Not a directory; name another\n"
    )


def test_debug_shows_the_traceback(fakes: Path) -> None:
    result = call("run", "digit", "--debug")
    assert type(result.exception).__name__ == "FlowError"


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_DATA", "of-environment")
    assert cli.stages.configure("digits", [], None).data.directory == "of-environment"
    assert cli.stages.configure("digits", ["data.directory=of-config"], None).data.directory == "of-config"
    assert cli.stages.configure("digits", ["data.directory=of-config"], Path("of-option")).data.directory == "of-option"


def test_presets_are_listed() -> None:
    assert call("presets").stdout.split() == PRESETS.split(", ")


def test_there_is_a_command_for_every_stage() -> None:
    words = call("--help").stdout.replace("│", " ").split()
    assert {stage.name for stage in STAGES} <= set(words)
    assert "read" in call("data", "--help").stdout


def test_the_stages_fit_together() -> None:
    """Every stage names only earlier ones as inputs, and only code that is there."""
    from flows.run import digest

    before: set[str] = set()
    for stage in STAGES:
        assert stage.upstream <= before
        assert len(digest.of_code(stage.code)) == 64
        before.add(stage.name)
