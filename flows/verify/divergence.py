"""Where two computations of the same images part: image, operator, channel, pixel, both values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hw.dataflow import Dataflow


def differing_images(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """bool (N,): images of which any integer differs. Both int64 (N, ...) of one shape."""
    if expected.shape != got.shape:
        raise ValueError(f"expected values of shape {expected.shape}, got {got.shape}")
    return (expected != got).reshape(len(expected), -1).any(axis=1)


def locate(operator: str, expected: np.ndarray, got: np.ndarray) -> dict[str, object] | None:
    """The first differing element of int64 (N, ..., C) arrays as a record, None where all are equal."""
    places = np.argwhere(expected != got)
    if not len(places):
        return None
    image, *pixel, channel = (int(i) for i in places[0])
    where = tuple(places[0])
    return {
        "image": image,
        "operator": operator,
        "channel": channel,
        "pixel": pixel,
        "expected": int(expected[where]),
        "got": int(got[where]),
        "against": "golden",
    }


def first_in_circuit(
    dataflow: Dataflow, codes: np.ndarray, folder: Path, simulate: Callable[[Dataflow, Path], Callable]
) -> dict[str, object] | None:
    """The first operator whose RTL differs from its golden model on `codes` (N, *input.shape).

    Simulates ever shorter and longer prefixes of the dataflow, halving: about log2(operators) builds.
    `simulate(dataflow, folder)` returns a function codes -> outputs.
    """
    outputs = [values for _, values in dataflow.trace(codes)]
    low, high = 0, len(dataflow.ops)  # prefix of `low` operators agrees, of `high` differs
    found: dict[str, object] | None = None
    while high - low > 1 or found is None:
        middle = (low + high) // 2 if high - low > 1 else high
        prefix = Dataflow(f"{dataflow.name}_prefix", dataflow.ops[:middle])
        got = simulate(prefix, folder / f"prefix{middle}")(codes)
        record = locate(dataflow.ops[middle - 1].name, outputs[middle - 1].reshape(got.shape), got)
        if record is None:
            if middle == high:
                return None
            low = middle
        else:
            found, high = record, middle
            if high - low == 1:
                break
    return found
