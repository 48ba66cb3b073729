"""Records of operators that have no arrays: every field but the name is an integer, a flag, a type or a tuple."""

from __future__ import annotations

from dataclasses import fields
from typing import Self, get_type_hints

import numpy as np

from hw.errors import HardwareError
from hw.inttype import IntType


class PlainRecord:
    """Gives a frozen dataclass `to_record` and `from_record`. Fields: int, bool, IntType, tuple of int."""

    def to_record(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """JSON-able parameters, and no arrays."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        return {key: _plain(value) for key, value in values.items()}, {}

    @classmethod
    def from_record(cls, name: str, parameters: dict[str, object], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse. Raises HardwareError for a missing, unknown or mistyped parameter and for any array."""
        hints = get_type_hints(cls)
        expected = [field.name for field in fields(cls) if field.name != "name"]
        if sorted(parameters) != sorted(expected) or arrays:
            raise HardwareError(
                f"{name}: expected the parameters {', '.join(sorted(expected))} and no arrays, "
                f"got {', '.join(sorted(parameters))} and {len(arrays)} arrays"
            )
        return cls(name, **{key: _typed(f"{name}.{key}", parameters[key], hints[key]) for key in expected})


def _plain(value: object) -> object:
    if isinstance(value, IntType):
        return value.name
    return list(value) if isinstance(value, tuple) else value


def _typed(what: str, value: object, hint: object) -> object:
    if hint is IntType and isinstance(value, str):
        return IntType.parse(value)
    if hint in (int, bool) and type(value) is hint:
        return value
    if isinstance(value, list) and hint not in (int, bool, IntType) and all(type(item) is int for item in value):
        return tuple(value)
    raise HardwareError(f"{what}: expected {getattr(hint, '__name__', hint)}, got {value!r}")
