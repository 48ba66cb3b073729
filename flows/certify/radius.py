"""The largest proved budget of each image, and the exact one of small networks by splitting boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.certify.bounds import Box
from flows.certify.margins import Margins, proved
from hw.dataflow import Dataflow

BATCH = 64
WRONG = -1  # radius of an image that is misclassified as it is


def around(codes: np.ndarray, budget: np.ndarray, dtype) -> Box:
    """All inputs within `budget` (int64 (N,), codes) of `codes` (N, ...) that the input type holds."""
    wide = codes.astype(np.int64)
    size = budget.reshape(-1, *(1,) * (codes.ndim - 1))
    return Box(np.maximum(wide - size, dtype.min), np.minimum(wide + size, dtype.max))


def radii(
    dataflow: Dataflow,
    codes: np.ndarray,
    labels: np.ndarray,
    limit: int,
    progress: Callable[[int], None] = lambda images: None,
) -> np.ndarray:
    """int64 (N,): for each image the largest budget up to `limit`, in input codes, within which no input changes the
    class that the circuit gives, as far as the bounds can prove; WRONG where the image itself is not classified as
    `labels` (int64 (N,)) says.

    `codes`: integers (N, *input.shape). Sound: every answer is a proof; not complete: a larger budget may hold too.
    Raises FlowError for a dataflow that cannot be bounded.
    """
    margins, result = Margins.of(dataflow), np.full(len(codes), WRONG, np.int64)
    for start in range(0, len(codes), BATCH):
        part = slice(start, start + BATCH)
        images, wanted = codes[part], labels[part]
        right = dataflow.result(dataflow.golden(images)).labels == wanted
        found = np.where(right, 0, WRONG)
        index = np.flatnonzero(right)
        low, high = np.zeros(len(index), np.int64), np.full(len(index), limit, np.int64)
        while np.any(low < high):  # proved at `low`, not known above `high`
            middle = (low + high + 1) // 2
            good = proved(margins(around(images[index], middle, dataflow.input.dtype), wanted[index]), wanted[index])
            low, high = np.where(good, middle, low), np.where(good, high, middle - 1)
        found[index] = low
        result[part] = found
        progress(min(start + BATCH, len(codes)))
    return result


def decide(dataflow: Dataflow, codes: np.ndarray, label: int, budget: int, nodes: int) -> bool | None:
    """Whether every input within `budget` of one image, `codes` (*input.shape), is classified as `label`.

    Splits the box where bounds do not decide, at most `nodes` times: True and False are proofs (False: an input of
    another class was found), None means that the nodes ran out. With enough nodes it always decides, because a box
    of one input does.
    """
    margins = Margins.of(dataflow)
    waiting = [around(codes[None], np.array([budget]), dataflow.input.dtype)]
    wanted = np.array([label])
    for _ in range(nodes):
        if not waiting:
            return True
        box = waiting.pop()
        middle = (box.low + box.high) // 2
        tried = np.concatenate([middle, box.low, box.high])
        if np.any(dataflow.result(dataflow.golden(tried)).labels != label):
            return False
        width = (box.high - box.low).reshape(-1)
        if proved(margins(box, wanted), wanted)[0] or not width.max():
            continue
        widest = np.unravel_index(int(width.argmax()), box.low.shape)
        left, right = box.high.copy(), box.low.copy()
        left[widest], right[widest] = middle[widest], middle[widest] + 1
        waiting += [Box(box.low, left), Box(right, box.high)]
    return None if waiting else True
