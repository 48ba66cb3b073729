"""The place to run in: Python, disk, memory, data sets."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from flows import environment
from flows.doctor.finding import Finding, State

GROUP = "this machine"
PYTHON = (3, 11)
DISK_GB = 2


def find_place() -> list[Finding]:
    return [_python(), _disk(), _data()]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    state = State.FOUND if sys.version_info[:2] == PYTHON else State.BROKEN
    detail = f"{version} at {sys.executable}"
    return Finding(
        "Python 3.11", GROUP, state, detail, "everything", "apt-get install python3.11 python3.11-venv", True
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    state = State.FOUND if free >= DISK_GB else State.BROKEN
    detail = f"{free:.0f} GB free in {Path.cwd()}"
    return Finding(
        "disk", GROUP, state, detail, f"runs (at least {DISK_GB} GB)", "run in a folder on another disk", True
    )


def _data() -> Finding:
    folder = environment.data_directory()
    enables, get = "presets other than digits", "holdfast data fetch mnist --to data; export HOLDFAST_DATA=$PWD/data"
    if folder is None:
        return Finding("data sets", GROUP, State.MISSING, "", enables, get)
    if not Path(folder).is_dir():
        return Finding("data sets", GROUP, State.BROKEN, f"HOLDFAST_DATA={folder} is no folder", enables, get)
    names = sorted(path.name for path in Path(folder).iterdir() if path.is_dir())
    return Finding("data sets", GROUP, State.FOUND, f"{folder}: {', '.join(names) or 'empty'}", enables, get)
