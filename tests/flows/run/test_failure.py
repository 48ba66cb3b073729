"""Kills, failures, damaged files, full disks, two runs at once."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from flows.config import Config, override
from flows.errors import FlowError
from flows.run.lock import locked
from flows.run.stage import Context
from tests.flows.run.fake_stages import go, stages, write_double


def leftovers(run: Path) -> list[str]:
    return sorted(path.name for path in run.glob(".*.partial"))


def test_a_failed_stage_leaves_no_half_output(tmp_path: Path, config: Config) -> None:
    def broken(context: Context) -> None:
        (context.folder / "half.txt").write_text("half")
        raise FlowError("no luck")

    with pytest.raises(FlowError, match="^no luck$"):
        go(tmp_path, config, stages(broken))
    assert (tmp_path / "numbers").is_dir() and not (tmp_path / "double").exists()
    assert leftovers(tmp_path) == []
    display, _ = go(tmp_path, config)
    assert display.ran() == ["double", "total"]


def test_a_failed_stage_keeps_the_output_it_had(tmp_path: Path, config: Config) -> None:
    def broken(context: Context) -> None:
        raise FlowError("no luck")

    go(tmp_path, config)
    before = (tmp_path / "double/deep/double.txt").read_text()
    with pytest.raises(FlowError):
        go(tmp_path, override(config, ["seed=2"]), stages(broken))
    assert (tmp_path / "double/deep/double.txt").read_text() == before
    display, _ = go(tmp_path, config)
    assert display.ran() == []


def _killed_in_double(run: Path, config: Config) -> None:
    def double(context: Context) -> None:
        (context.folder / "half.txt").write_text("half")
        (context.work / "step").write_text("7")
        os.kill(os.getpid(), signal.SIGKILL)

    go(run, config, stages(double))


def kill_in_double(run: Path, config: Config) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_killed_in_double, args=(run, config))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, config: Config) -> None:
    seen = []

    def double(context: Context) -> None:
        seen.append((sorted(path.name for path in context.folder.iterdir()), (context.work / "step").read_text()))
        write_double(context)

    kill_in_double(tmp_path, config)
    assert leftovers(tmp_path) == [".double.partial"] and not (tmp_path / "double").exists()
    display, _ = go(tmp_path, config, stages(double))
    assert display.ran() == ["double", "total"]
    assert seen == [([], "7")]
    assert leftovers(tmp_path) == []


def test_work_of_other_inputs_is_not_resumed(tmp_path: Path, config: Config) -> None:
    seen = []

    def double(context: Context) -> None:
        seen.append(list(context.work.iterdir()))
        write_double(context)

    kill_in_double(tmp_path, config)
    go(tmp_path, override(config, ["seed=2"]), stages(double))
    assert seen == [[]]
    assert not list((tmp_path / ".work").iterdir())


def test_a_damaged_file_is_named_before_it_is_used(tmp_path: Path, config: Config) -> None:
    go(tmp_path, config)
    path = tmp_path / "numbers" / "numbers.txt"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text("1 2 x")
    got = hashlib.sha256(b"1 2 x").hexdigest()
    with pytest.raises(FlowError) as caught:
        go(tmp_path, override(config, ["seed=2"]))
    assert str(caught.value) == (
        f"{path}: expected sha256 {expected}, got {got}: it is not what the stage wrote; "
        f"run again with --from numbers, or delete {tmp_path / 'numbers'}"
    )
    display, _ = go(tmp_path, config, again=frozenset({"numbers"}))
    assert display.ran() == ["numbers"]


def test_a_damaged_manifest_is_named(tmp_path: Path, config: Config) -> None:
    go(tmp_path, config)
    (tmp_path / "manifest.json").write_text('{"format": 1, "stages": {"numbers": {}}}')
    with pytest.raises(
        FlowError, match="manifest.json: expected a manifest, got .*; delete it to run every stage again"
    ):
        go(tmp_path, config)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 0}))
    with pytest.raises(FlowError, match="manifest.json: expected format 1, got 0; delete"):
        go(tmp_path, config)


@pytest.mark.parametrize(
    "record",
    [
        {"outputs": 3},
        {"outputs": {"a": 1}},
        {"outputs": {"/etc/hostname": "0"}},
        {"outputs": {"a/../../b": "0"}},
        {"inputs": []},
        {"surprise": 1},
    ],
)
def test_a_hostile_manifest_is_refused(tmp_path: Path, config: Config, record: dict[str, object]) -> None:
    go(tmp_path, config)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["stages"]["numbers"] |= record
    path.write_text(json.dumps(manifest))
    with pytest.raises(
        FlowError, match="manifest.json: expected a manifest, got .*; delete it to run every stage again"
    ):
        go(tmp_path, config)
    path.write_text("[" * 100_000)
    with pytest.raises(FlowError, match="manifest.json: expected a manifest, got RecursionError"):
        go(tmp_path, config)


def test_a_full_disk_is_said_plainly(tmp_path: Path, config: Config) -> None:
    def double(context: Context) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(context.folder / "double.txt"))

    with pytest.raises(FlowError, match=r"double.txt: the disk is full \(\d+ MiB free\); free some space and give"):
        go(tmp_path, config, stages(double))
    assert leftovers(tmp_path) == []


def test_a_run_directory_that_is_a_file_is_refused(tmp_path: Path, config: Config) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(FlowError, match="run: expected to be able to write here, got: .*; choose another --out$"):
        go(tmp_path / "run", config)


def test_a_run_directory_with_an_impossible_name_is_refused(tmp_path: Path, config: Config) -> None:
    with pytest.raises(FlowError, match="expected to be able to write here, got: File name too long; choose another"):
        go(tmp_path / ("a" * 300), config)


def test_two_runs_in_one_directory_are_refused(tmp_path: Path, config: Config) -> None:
    with locked(tmp_path), pytest.raises(FlowError) as caught:
        go(tmp_path, config)
    assert str(caught.value) == (
        f"{tmp_path}: another run (process {os.getpid()}) is at work here; wait for it, or choose another --out"
    )
    display, _ = go(tmp_path, config)
    assert display.ran() == ["numbers", "double", "total"]
