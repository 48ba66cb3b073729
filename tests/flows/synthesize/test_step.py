"""Resumable steps."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

import pytest

from flows.errors import FlowError
from flows.synthesize.step import step


class Maker:
    """Writes its outputs and counts its calls."""

    def __init__(self, folder, fail_after=None):
        self.folder, self.calls, self.fail_after = folder, 0, fail_after

    def __call__(self, files):
        self.calls += 1
        for index, (name, file) in enumerate(files.items()):
            if index == self.fail_after:
                raise KeyboardInterrupt
            (self.folder / file).write_text(f"{name} {self.calls}")


def test_done_once_for_the_same_inputs(tmp_path):
    make = Maker(tmp_path)
    first = step(tmp_path, "build", {"source": "1"}, ("a", "b"), make)
    assert step(tmp_path, "build", {"source": "1"}, ("a", "b"), make) == first
    assert make.calls == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "build.json"]


def test_done_again_for_other_inputs_or_changed_outputs(tmp_path):
    make = Maker(tmp_path)
    step(tmp_path, "build", {"source": "1"}, ("a",), make)
    step(tmp_path, "build", {"source": "2"}, ("a",), make)
    assert make.calls == 2
    (tmp_path / "a").write_text("meddled with")
    step(tmp_path, "build", {"source": "2"}, ("a",), make)
    assert make.calls == 3
    (tmp_path / "a").unlink()
    step(tmp_path, "build", {"source": "2"}, ("a",), make)
    assert make.calls == 4 and (tmp_path / "a").read_text() == "a 4"
    (tmp_path / "build.json").write_text("{")
    step(tmp_path, "build", {"source": "2"}, ("a",), make)
    assert make.calls == 5


def test_interrupted_step_leaves_no_output_and_is_done_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        step(tmp_path, "build", {}, ("a", "b"), Maker(tmp_path, fail_after=1))
    assert not (tmp_path / "a").exists() and not (tmp_path / "build.json").exists()
    make = Maker(tmp_path)
    step(tmp_path, "build", {}, ("a", "b"), make)
    assert make.calls == 1
    assert json.loads((tmp_path / "build.json").read_text())["outputs"].keys() == {"a", "b"}


def test_full_disk_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: namedtuple("Usage", "free")(0))
    with pytest.raises(FlowError, match="the disk is full, build is not to be trusted"):
        step(tmp_path, "build", {}, ("a",), Maker(tmp_path))
    assert not (tmp_path / "a").exists() and not (tmp_path / "build.json").exists()
