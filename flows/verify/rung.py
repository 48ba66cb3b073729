"""One rung of the ladder as a record: which images, how many differ, where first, how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def select(total: int, adversarial: int, wanted: int) -> np.ndarray:
    """Indices of `wanted` images (0: all), half of them adversarial as far as there are any; clean ones first."""
    clean = total - adversarial
    if wanted == 0 or wanted >= total:
        return np.arange(total)
    hostile = min(adversarial, wanted // 2)
    return np.concatenate([np.arange(min(clean, wanted - hostile)), np.arange(clean, clean + hostile)])


def unavailable(name: str, engine: str, reason: str) -> dict[str, object]:
    """A rung that there is not, and why."""
    record = {"rung": name, "engine": engine, "images": 0, "adversarial": 0, "mismatches": 0, "excused": []}
    return record | {"excused_images": 0, "seconds": 0.0, "first_divergence": None, "unavailable": reason}


def climbed(name: str, engine: str, chosen: np.ndarray, clean: int, check: Callable) -> dict[str, object]:
    """Runs `check` and makes its record (docs/architecture.md).

    `chosen`: indices of the images; those from `clean` on are adversarial. `check(chosen)` returns a bool per image
    (whether it differs), the first divergence or None, and the excused cases, whose images count within `chosen`.
    """
    start = time.perf_counter()
    wrong, divergence, excused = check(chosen)
    if divergence is not None:
        divergence["image"] = int(chosen[divergence["image"]])
    return {
        "rung": name,
        "engine": engine,
        "images": len(chosen),
        "adversarial": int((chosen >= clean).sum()),
        "mismatches": int(wrong.sum()),
        "excused": [case | {"image": int(chosen[case["image"]])} for case in excused],
        "excused_images": len({case["image"] for case in excused}),
        "seconds": round(time.perf_counter() - start, 3),
        "first_divergence": divergence,
    }
