"""Everything that attacks found, attack by attack: what is replayed on the golden model and on the circuit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.errors import FlowError

ARRAYS = ("found_images", "found_of", "found_by")


class Finds:
    """Adversarial images by attack: those that moved and fool. Images wrong from the start are nobody's find.

    `images`: uint8 (M, C, H, W). `of`: int64 (M,), which of the attacked images each was made from. `by`: text (M,),
    the attack with its backward pass or source. One attack's first find per image is kept.
    """

    def __init__(self) -> None:
        self._finds: dict[tuple[str, int], np.ndarray] = {}

    def add(self, batch: AdversarialBatch, originals: np.ndarray, index: np.ndarray) -> None:
        """Takes what a batch on `originals` (uint8 like its images), the images `index` (int64), found."""
        moved = (batch.images != originals).any(axis=(1, 2, 3))
        for i in np.flatnonzero(batch.success & moved):
            self._finds.setdefault((describe(batch), int(index[i])), batch.images[i])

    def arrays(self, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """`found_images`, `found_of`, `found_by` for an npz file, attack by attack. `shape`: (C, H, W)."""
        images = np.array(list(self._finds.values()), np.uint8).reshape(-1, *shape)
        by = np.array([name for name, _ in self._finds], dtype=np.str_)
        of = np.array([place for _, place in self._finds], np.int64)
        order = np.argsort(by, kind="stable")
        return dict(zip(ARRAYS, (images[order], of[order], by[order]), strict=True))


def describe(batch: AdversarialBatch) -> str:
    """The attack's name, with the backward pass it used or the network its images come from."""
    how = batch.details.get("backward") or batch.details.get("source")
    return f"{batch.attack} ({how})" if how else batch.attack


def check_finds(arrays: Mapping[str, np.ndarray], attacked: int, shape: tuple[int, ...]) -> None:
    """Raises FlowError unless `arrays` are what `Finds.arrays` gives for `attacked` images of `shape` (C, H, W)."""
    images, of, by = (arrays[name] for name in ARRAYS)
    kinds = images.dtype == np.uint8 and of.dtype.kind in "iu" and by.dtype.kind == "U"
    shapes = images.shape[1:] == shape and images.shape[:1] == of.shape == by.shape
    if not (kinds and shapes and (of >= 0).all() and (of < attacked).all()):
        raise FlowError(
            f"finds: expected uint8 images {shape} with the numbers of their originals (below {attacked}) and the "
            f"names of their attacks, got {images.dtype} {images.shape}, {of.dtype} {of.shape}, {by.dtype} {by.shape}; "
            "run the attack stage again"
        )
