"""One resumable step of synthesis: its outputs are whole or absent, and reused while its inputs stay the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from flows.errors import FlowError

PARTIAL = ".partial"
FULL_BYTES = 1 << 20


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def step(
    folder: Path,
    name: str,
    inputs: dict[str, str],
    outputs: tuple[str, ...],
    make: Callable[[dict[str, str]], None],
) -> float:
    """Makes `outputs` in `folder` with `make`, unless an earlier call with equal `inputs` has; returns its seconds.

    `inputs`: whatever decides the result (digests, options, versions). `make` gets output name -> temporary file
    name in `folder` to write. The outputs get their names only after it returned; `<name>.json`, written last,
    records the inputs, the outputs' digests and the seconds. Raises FlowError where the disk was full afterwards.
    """
    stamp = folder / f"{name}.json"
    if (seconds := _finished(folder, stamp, inputs, outputs)) is not None:
        return seconds
    stamp.unlink(missing_ok=True)
    partial = {output: f"{output}{PARTIAL}" for output in outputs}
    for file in partial.values():
        (folder / file).unlink(missing_ok=True)
    start = time.perf_counter()
    make(partial)
    seconds = round(time.perf_counter() - start, 2)
    # The tools do not check what they write: on a full disk they leave half a file and report success.
    if shutil.disk_usage(folder).free < FULL_BYTES:
        raise FlowError(f"{folder}: the disk is full, {name} is not to be trusted: make room and run again")
    for output, file in partial.items():
        os.replace(folder / file, folder / output)
    digests = {output: sha256(folder / output) for output in outputs}
    note = folder / f"{name}.json{PARTIAL}"
    note.write_text(json.dumps({"inputs": inputs, "outputs": digests, "seconds": seconds}, indent=1) + "\n")
    os.replace(note, stamp)
    return seconds


def _finished(folder: Path, stamp: Path, inputs: dict[str, str], outputs: tuple[str, ...]) -> float | None:
    """Seconds of the finished step, None where it has to be done."""
    try:
        record = json.loads(stamp.read_text())
        digests = {output: sha256(folder / output) for output in outputs}
        if record["inputs"] == inputs and record["outputs"] == digests:
            return float(record["seconds"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    return None
