"""Images to verify with where a user has none: random ones, the ends of the range, edges, and codes near thresholds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.errors import FlowError
from hw.dataflow import Dataflow

RANDOM = 64
PER_KIND = 8


def made_images(dataflow: Dataflow, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """uint8 (N, C, H, W) for `shape` (H, W, C): all 0, all 255, every 15th constant, checkerboards, edges, sparse and
    uniform noise, smooth blobs, and noise around the codes at which a first threshold of the circuit steps."""
    random = np.random.default_rng(seed)
    height, width, channels = shape
    board = np.indices((height, width, channels)).sum(axis=0) % 2 * 255
    rows, columns = np.indices((height, width, 1))[:2]
    pictures = [np.full(shape, value) for value in (0, 255, *range(15, 255, 15))]
    pictures += [board, 255 - board]
    for cut in {1, height // 2, height - 1} - {0}:
        pictures += [np.broadcast_to((rows >= cut) * 255, shape), np.broadcast_to((rows < cut) * 255, shape)]
    for cut in {1, width // 2, width - 1} - {0}:
        pictures += [np.broadcast_to((columns >= cut) * 255, shape), np.broadcast_to((columns < cut) * 255, shape)]
    pictures += [random.integers(0, 256, shape) for _ in range(RANDOM)]
    pictures += [(random.random(shape) < share) * 255 for share in (0.05, 0.2, 0.5, 0.8, 0.95) for _ in range(3)]
    for _ in range(PER_KIND):
        centre, spread = random.random(2) * (height, width), max(height, width) * random.uniform(0.1, 0.5)
        blob = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (2 * spread**2))
        pictures.append(np.broadcast_to(np.rint(255 * blob), shape))
    edges = _first_thresholds(dataflow)
    if len(edges):  # each pixel on a threshold of the input, or one code below it
        for _ in range(PER_KIND):
            pictures.append(np.clip(random.choice(edges, shape) - random.integers(0, 2, shape), 0, 255))
    return np.stack(pictures).astype(np.uint8).transpose(0, 3, 1, 2)


def _first_thresholds(dataflow: Dataflow) -> np.ndarray:
    """Codes at which the input quantizer steps; none where the pixels go straight into a layer."""
    first = dataflow.ops[0]
    return np.unique(np.asarray(first.thresholds)) if first.kind == "threshold" else np.zeros(0, dtype=np.int64)


def read_array(path: Path, what: str) -> np.ndarray:
    """An array of a .npy file. Raises FlowError for anything else; no pickle is loaded."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FlowError(f"{path}: expected {what} in a .npy file, got {error}; save them with numpy.save") from error
    if not isinstance(array, np.ndarray):
        raise FlowError(f"{path}: expected {what} in a .npy file, got an archive; save one array with numpy.save")
    return array
