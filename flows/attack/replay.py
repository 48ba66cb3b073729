"""Adversarial images found anywhere, shown to the golden model and to the circuit: which of them survive?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flows.attack.common import BATCH
from flows.targets.target import Target


@dataclass(frozen=True, slots=True)
class Found:
    """One attack's finds. `images`: uint8 (M, C, H, W), all fool the target `found_on`; `labels`: their true classes,
    integers (M,)."""

    attack: str
    found_on: str
    images: np.ndarray
    labels: np.ndarray


def survivors(
    finds: list[Found], golden: Target, circuit: Target, most: int, progress: Callable[[float], None]
) -> list[dict[str, object]]:
    """A record per attack: `attack`, `found_on`, `found`, `replayed` (at most `most`, the first ones; 0: all), and how
    many of those fool the `golden` model and the `circuit`. `same_scores`: on how many both give the same integers.
    """
    records, total, done = [], max(sum(len(_first(found.images, most)) for found in finds), 1), 0
    for found in finds:
        images, truth = _first(found.images, most), _first(found.labels, most)
        record = {"attack": found.attack, "found_on": found.found_on, "found": len(found.images)}
        answers = [scores(target, images) for target in (golden, circuit)]
        fooled = [int(np.count_nonzero(answer.argmax(axis=1) != truth)) for answer in answers]
        same = int(np.count_nonzero((answers[0] == answers[1]).all(axis=1)))
        records.append(
            record | {"replayed": len(images), "golden": fooled[0], "circuit": fooled[1], "same_scores": same}
        )
        done += len(images)
        progress(done / total)
    return records


def scores(target: Target, images: np.ndarray, progress: Callable[[float], None] | None = None) -> np.ndarray:
    """uint8 (N, C, H, W) -> int64 scores (N, classes), in batches; none for no images."""
    parts = []
    for start in range(0, len(images), BATCH):
        parts.append(target.predict(images[start : start + BATCH]))
        if progress:
            progress(min(start + BATCH, len(images)) / len(images))
    return np.concatenate(parts) if parts else np.zeros((0, 1), np.int64)


def _first(array: np.ndarray, most: int) -> np.ndarray:
    return array[:most] if most else array
