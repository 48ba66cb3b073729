"""What is run, what is not run again, and what the manifest says about it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from flows.config import Config, load_toml, override
from flows.errors import FlowError
from flows.run.stage import Context, Stage, after, needed_for, until
from tests.flows.run.fake_stages import go, stages, write_double


def test_a_run_writes_folders_configuration_and_manifest(tmp_path: Path, config: Config) -> None:
    display, _ = go(tmp_path / "run", config, command="holdfast run digits")
    run = tmp_path / "run"
    assert display.ran() == ["numbers", "double", "total"]
    assert (run / "total.txt").read_text() == str(2 * sum(range(config.attack.images)))
    assert load_toml(run / "config.toml") == config
    records = json.loads((run / "manifest.json").read_text())["stages"]
    sha = hashlib.sha256((run / "double/deep/double.txt").read_bytes()).hexdigest()
    assert records["double"]["outputs"] == {"deep/double.txt": sha}
    assert records["total"]["inputs"] == {"double/deep/double.txt": sha}
    assert json.loads((run / "manifest.json").read_text())["command"] == "holdfast run digits"
    assert records["double"]["seed"] == config.seed and records["double"]["seconds"] >= 0
    assert set(path.name for path in run.iterdir()) == {
        *("numbers", "double", "total.txt", "config.toml", "manifest.json", ".lock", ".work"),
    }
    assert not list((run / ".work").iterdir())


def test_nothing_runs_twice(tmp_path: Path, config: Config) -> None:
    _, first = go(tmp_path, config)
    display, second = go(tmp_path, config)
    assert display.events == [("unchanged", name, None) for name in ("numbers", "double", "total")]
    assert second == first


def test_a_changed_setting_runs_what_depends_on_it(tmp_path: Path, config: Config) -> None:
    go(tmp_path, config)
    display, _ = go(tmp_path, override(config, ["attack.images=3"]))
    assert display.ran() == ["numbers", "double", "total"]
    assert display.why("numbers") == "changed: its configuration"
    assert display.why("double") == "changed: its inputs"
    assert (tmp_path / "total.txt").read_text() == "6"


def test_equal_outputs_stop_the_change(tmp_path: Path, config: Config) -> None:
    """train.epochs changes notes.txt only, which nobody reads."""
    go(tmp_path, config)
    display, _ = go(tmp_path, override(config, ["train.epochs=3"]))
    assert display.ran() == ["numbers"]


def test_another_section_changes_nothing(tmp_path: Path, config: Config) -> None:
    go(tmp_path, config)
    display, _ = go(tmp_path, override(config, ["hil.images=3"]))
    assert display.ran() == []


def test_the_data_folder_is_no_part_of_the_configuration(tmp_path: Path, config: Config) -> None:
    chain = (Stage("data", lambda context: (context.folder / "a").write_text("1") and None, sections=("data",)),)
    go(tmp_path, config, chain)
    moved, _ = go(tmp_path, override(config, ["data.directory=elsewhere"]), chain)
    fewer, _ = go(tmp_path, override(config, ["data.test_images=9"]), chain)
    assert (moved.ran(), fewer.ran()) == ([], ["data"])


def test_again_runs_even_what_did_not_change(tmp_path: Path, config: Config) -> None:
    go(tmp_path, config)
    display, _ = go(tmp_path, config, again=after(stages(), "double"))
    assert display.ran() == ["double", "total"]
    assert display.why("double") == "asked for"


def test_a_missing_output_is_made_again(tmp_path: Path, config: Config) -> None:
    go(tmp_path, config)
    (tmp_path / "total.txt").unlink()
    display, _ = go(tmp_path, config)
    assert (display.ran(), display.why("total")) == (["total"], "output missing")
    assert (tmp_path / "total.txt").exists()


def test_another_output_replaces_the_folder(tmp_path: Path, config: Config) -> None:
    def other(context: Context) -> None:
        (context.folder / "deep").mkdir()
        (context.folder / "deep" / "double.txt").write_text("1")

    go(tmp_path, config)
    (tmp_path / "double" / "stray").write_text("x")
    go(tmp_path, config, stages(other), again=frozenset({"double"}))
    assert [path.name for path in (tmp_path / "double").iterdir()] == ["deep"]
    assert (tmp_path / "total.txt").read_text() == "1"


def test_a_stage_that_writes_nothing_is_refused(tmp_path: Path, config: Config) -> None:
    with pytest.raises(FlowError, match="^double: expected it to write files, it wrote none$"):
        go(tmp_path, config, stages(lambda context: None))


def test_checks_come_before_the_first_stage(tmp_path: Path, config: Config) -> None:
    def refuse(config: Config) -> None:
        raise FlowError("no compiler")

    chain = (*stages(), Stage("last", write_double, check=refuse))
    with pytest.raises(FlowError, match="no compiler"):
        go(tmp_path, config, chain)
    assert not (tmp_path / "numbers").exists()


def test_progress_reaches_the_display(tmp_path: Path, config: Config) -> None:
    def double(context: Context) -> None:
        context.progress(0.5, "half")
        write_double(context)

    display, _ = go(tmp_path, config, stages(double))
    assert ("progress", "half", 0.5) in display.events


def test_selections() -> None:
    chain = (*stages(), Stage("aside", write_double, inputs=("numbers",)))
    assert [stage.name for stage in until(chain, "double")] == ["numbers", "double"]
    assert [stage.name for stage in needed_for(chain, "aside")] == ["numbers", "aside"]
    assert after(chain, "double") == {"double", "total"}
    with pytest.raises(FlowError, match="^unknown stage 'triple'; stages: numbers, double, total, aside$"):
        until(chain, "triple")
