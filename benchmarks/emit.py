"""Where the figures of an attack benchmark go: standard output, and a file if one is named."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

COMPARED = ("torch", "adversarial-robustness-toolbox", "foolbox", "pyautoattack")


def emit(record: dict[str, object], out: str | None) -> None:
    """Prints `record` as JSON with the versions of what was compared; `out`: a path, whole or not there."""
    there = {distribution.name for distribution in metadata.distributions()}
    versions = {name: metadata.version(name) for name in COMPARED if name in there}
    text = json.dumps({"versions": versions, **record}, indent=1) + "\n"
    print(text, end="")
    if out:
        path = Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.write_text(text)
        partial.replace(path)
