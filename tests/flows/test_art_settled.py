"""Many processes that import ART at once on a fresh home directory."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

from flows.art_settled import settle

FIRST = "flows.art_settled"
SETTLE = "from flows.art_settled import settle; settle()"


def test_processes_that_settle_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", SETTLE], env=environment) for _ in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    (file,) = (tmp_path / ".art").iterdir()
    assert json.loads(file.read_text()) == {"ART_DATA_PATH": str(tmp_path / ".art" / "data")}


def test_what_is_there_stays(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".art").mkdir()
    (tmp_path / ".art" / "config.json").write_text("mine")
    settle()
    assert (tmp_path / ".art" / "config.json").read_text() == "mine"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("flows.art_settled.os.replace", full)
    settle()
    assert list((tmp_path / ".art").iterdir()) == []


def test_the_modules_that_import_art_settle_first() -> None:
    for module in ("flows.attack.art_square", "flows.adapters.art_classifier"):
        code = f"import sys, {module}; names = list(sys.modules); sys.exit(names.index('art') < names.index('{FIRST}'))"
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
