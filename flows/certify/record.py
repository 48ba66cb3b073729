"""`certify.json`: what is proved about a compiled network on test images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.attack.batch import grid_epsilon
from flows.attack.criteria import accuracy
from flows.certify.radius import WRONG, decide, radii
from flows.errors import FlowError
from flows.targets.layout import to_codes
from hw.dataflow import Dataflow
from hw.identity import identity

METHOD = "intervals, carried back through the fully connected end, in exact integers"


def certify(
    dataflow: Dataflow,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: float,
    nodes: int = 0,
    progress: Callable[[float, str], None] = lambda share, text: None,
) -> dict[str, object]:
    """What holds for every picture within `epsilon` (pixel units, 0..1, L-infinity on the 8-bit grid) of each image.

    `images`: uint8 (N, C, H, W); `labels`: integers (N,). `nodes`: how often the box around an image may be split where
    the bounds alone do not decide at `epsilon`. The record: `certified`, the share of images that are classified
    right and whose class is proved to hold, with its interval; `radii`, for each image the largest proved budget in
    pixel codes up to twice epsilon (-1: misclassified as it is); `curve`, the certified share over such budgets;
    `broken`, how many were proved *not* to hold. Raises FlowError for other data or a network without bounds.
    """
    if not len(images) or labels.shape != (len(images),):
        raise FlowError(f"certify: expected images and a label for each, got {len(images)} and {labels.shape}")
    budget = grid_epsilon(epsilon)
    codes = to_codes(images, dataflow.input.shape, "certify")
    limit = max(2 * budget, 1)
    found = radii(
        dataflow, codes, labels.astype(np.int64), min(limit, 255),
        lambda done: progress(done / len(codes), f"bounds: {done} of {len(codes)} images"),
    )  # fmt: skip
    broken = 0
    if nodes:
        open_ones = np.flatnonzero((found != WRONG) & (found < budget))
        for count, index in enumerate(open_ones):
            progress(count / len(open_ones), f"splitting: {count} of {len(open_ones)} images")
            holds = decide(dataflow, codes[index], int(labels[index]), budget, nodes)
            broken += holds is False
            found[index] = budget if holds else found[index]
    steps = range(0, int(found.max(initial=0)) + 1)
    return {
        "method": METHOD,
        "dataflow": identity(dataflow),
        "epsilon": epsilon,
        "budget": budget,
        "nodes": nodes,
        "clean": accuracy(found != WRONG),
        "certified": accuracy(found >= budget),
        "broken": broken,
        "median_radius": float(np.median(found)) / 255 if found.max() >= 0 else 0.0,
        "curve": [{"epsilon": step / 255, "certified": float(np.mean(found >= step))} for step in steps],
        "radii": found.tolist(),
    }
