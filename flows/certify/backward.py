"""Upper bounds of linear forms over the tail, carried back to the stream where it begins."""

from __future__ import annotations

import numpy as np

from flows.certify.bounds import Box, product
from flows.certify.relax import SLOPE_BITS, Lines
from flows.certify.tail import Stage

FORM_BITS = 14  # of a form's coefficients; more are rounded away, upwards
SAFE = float(1 << 61)  # what a sum in int64 may reach


def upper(form: np.ndarray, constant: np.ndarray, stages: tuple[Stage, ...], around: list[Lines], boxes: list[Box]):
    """Greatest value of `form . x + constant`, at most: int64 (N, J).

    `form`: int64 (N, J, K) on what the last of `stages` gives; `constant`: int64 (N, J). `around`: lines of every
    stage's activation. `boxes`: of the stream in front of every stage, and of what the last one gives. The least of
    the bounds taken at every one of these streams is the answer, so carrying back never loosens it.
    """
    scale = 0  # the form stands for form * 2**-scale
    best = _over(form, constant, boxes[-1], scale)
    for index in range(len(stages) - 1, -1, -1):
        stage, line = stages[index], around[index]
        if _too_large(form, constant, line, stage, boxes[index]):
            return best
        # what the activation gives, as a form of what it takes
        rising, falling = np.maximum(form, 0), np.minimum(form, 0)
        constant = (constant << SLOPE_BITS) + np.einsum("njk,nk->nj", rising, line.high)
        constant += np.einsum("njk,nk->nj", falling, line.low)
        form = form * line.slope[:, None]
        scale += SLOPE_BITS
        # what the matrix unit takes
        unit = stage.matvec
        constant += np.einsum("njk,k->nj", form, unit.bias)
        form = product(form, unit.weights) << unit.shift
        best = np.minimum(best, _over(form, constant, boxes[index], scale))
        form, constant, scale = _rounded(form, constant, boxes[index], scale)
    return best


def _too_large(form: np.ndarray, constant: np.ndarray, line: Lines, stage: Stage, box: Box) -> bool:
    """Whether a sum on the way through the stage might not fit in int64. Then the bound found so far has to do."""
    largest = float(np.abs(form).max(initial=0)) * form.shape[-1]
    offsets = max(float(np.abs(side).max(initial=0)) for side in (line.low, line.high))
    row = float(np.abs(stage.matvec.weights).max()) * 2.0**stage.matvec.shift
    values = max(float(np.abs(side).max(initial=0)) for side in (box.low, box.high, stage.matvec.bias)) + 1
    through = largest * float(np.abs(line.slope).max(initial=0)) * row
    sums = float(np.abs(constant).max(initial=0)) * 2.0**SLOPE_BITS, largest * offsets
    return max(*sums, through * values * max(box.low.shape[-1], 1)) >= SAFE / 4


def _over(form: np.ndarray, constant: np.ndarray, box: Box, scale: int) -> np.ndarray:
    """The form's greatest value over a box, as a whole number (rounded down: values are whole)."""
    rising = np.einsum("njk,nk->nj", np.maximum(form, 0), box.high)
    falling = np.einsum("njk,nk->nj", np.minimum(form, 0), box.low)
    return (rising + falling + constant) >> scale


def _rounded(form: np.ndarray, constant: np.ndarray, box: Box, scale: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Fewer bits, and no smaller anywhere in the box: coefficients are rounded up on x - low >= 0."""
    excess = max(int(np.abs(form).max(initial=0)).bit_length() - FORM_BITS, 0)
    excess = min(excess, scale)
    if not excess:
        return form, constant, scale
    shifted = constant + np.einsum("njk,nk->nj", form, box.low)
    form = -(-form >> excess)
    shifted = -(-shifted >> excess)
    return form, shifted - np.einsum("njk,nk->nj", form, box.low), scale - excess
