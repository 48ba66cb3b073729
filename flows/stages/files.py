"""What several stages read and write: JSON records, test images, adversarial images, the dataflow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from hw.dataflow import DAMAGE


def write_json(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    """A stage's record. Raises FlowError for anything but a JSON object."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FlowError(f"{path}: expected a JSON object, got {error}; run its stage again with --from") from error
    if not isinstance(record, dict):
        raise FlowError(f"{path}: expected a JSON object, got {type(record).__name__}; run its stage again with --from")
    return record


def read_arrays(path: Path, *names: str) -> tuple[np.ndarray, ...]:
    """The named arrays of an npz file. Raises FlowError where one is missing."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # numpy leaves damaged files open
            return tuple(arrays[name] for name in names)
    except DAMAGE as error:
        raise FlowError(f"{path}: expected arrays {', '.join(names)}, got {error!r}; run its stage again") from error
