"""Every benchmark can be started; none of them runs here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "name",
    [
        "bitstreams",
        "board_line",
        "fifos",
        "networks",
        "probe_widths",
        "resources",
        "simulate",
        "synthesis",
    ],
)
def test_help(name: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"benchmarks.{name}" in done.stdout, done.stderr
