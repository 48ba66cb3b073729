"""Typed reading of a run's JSON files: every value is checked on the way out, every error names file and key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.errors import FlowError

MAX_JSON_BYTES = 64 << 20
LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object or list, and where it lies. `file`: relative to the run folder; `key`: dotted, "" for all.

    Every accessor raises FlowError where the value is missing or of another type or range. NaN and infinities are
    refused when the file is read.
    """

    file: str
    key: str
    value: dict | list

    def _at(self, key: str | int) -> str:
        if isinstance(key, int):
            return f"{self.key}[{key}]"
        return f"{self.key}.{key}" if self.key else key

    def wrong(self, key: str | int, expected: str, got: object) -> FlowError:
        """The error to raise for a bad value under `key`."""
        text = repr(got)
        text = text if len(text) <= 80 else text[:77] + "..."
        return FlowError(f"{self.file}: expected {self._at(key)} to be {expected}, got {text}; run the stage again")

    def has(self, key: str) -> bool:
        """Whether the key is there with something in it: neither null nor an empty object."""
        return isinstance(self.value, dict) and self.value.get(key) not in (None, {})

    def raw(self, key: str | int) -> object:
        """The unchecked value."""
        try:
            return self.value[key]
        except (KeyError, IndexError, TypeError) as error:
            raise FlowError(f"{self.file}: expected a key {self._at(key)}, got none; run the stage again") from error

    def number(self, key: str | int, low: float = 0.0, high: float = LARGEST) -> float:
        """A number from `low` to `high`, as it stands in the file (int or float)."""
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, f"a number from {low:g} to {high:g}", value)
        return value

    def share(self, key: str | int) -> float:
        """A number from 0 to 1."""
        return self.number(key, 0, 1)

    def integer(self, key: str | int, low: int = 0, high: int = int(LARGEST)) -> int:
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, f"an integer from {low} to {high}", value)
        return value

    def text(self, key: str | int) -> str:
        value = self.raw(key)
        if not isinstance(value, str):
            raise self.wrong(key, "a text", value)
        return value

    def child(self, key: str | int) -> Record:
        """The object under `key`."""
        value = self.raw(key)
        if not isinstance(value, dict):
            raise self.wrong(key, "an object", value)
        return Record(self.file, self._at(key), value)

    def items(self, key: str | int) -> Record:
        """The list under `key`."""
        value = self.raw(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list", value)
        return Record(self.file, self._at(key), value)

    def children(self, key: str | int) -> Iterator[Record]:
        """The objects of the list under `key`."""
        entries = self.items(key)
        for index in range(len(entries.value)):
            yield entries.child(index)

    def scalar(self, key: str | int) -> str:
        """A number, text, boolean or null, as text; lists of numbers as `[1, 2]`."""
        value = self.raw(key)
        return value if isinstance(value, str) else json.dumps(value)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def read_json(folder: Path, file: str) -> Record:
    """Reads `folder / file`, an object. Raises FlowError where it is missing, too large or not a JSON object."""
    path = folder / file
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise FlowError(f"{file}: larger than {MAX_JSON_BYTES} bytes, not a stage's record; run the stage again")
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (OSError, ValueError, RecursionError) as error:
        raise FlowError(f"{file}: expected a JSON file, got {error}; run the stage again") from error
    if not isinstance(value, dict):
        raise FlowError(f"{file}: expected a JSON object, got {type(value).__name__}; run the stage again")
    return Record(file, "", value)
