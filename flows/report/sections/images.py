"""Section 3: what the attacker did to single images, as pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flows.report.png import grey_uri, rgb_uri
from flows.report.record import Record
from flows.report.run_files import RunFiles

SHOWN = 24
LARGEST_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Example:
    """Three data URIs and what the network said. `largest`: largest change of a pixel, in 1/255."""

    label: int
    clean: str
    adversarial: str
    difference: str
    clean_prediction: int
    adversarial_prediction: int
    largest: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Images:
    examples: tuple[Example, ...]
    total: int


def view(run: RunFiles) -> Images | None:
    """The first examples of `attack.json`; None where there are none. Raises FlowError for a malformed record."""
    record = run.get("attack")
    if record is None or not record.has("examples"):
        return None
    entries = list(record.children("examples"))
    return Images(tuple(_example(entry) for entry in entries[:SHOWN]), len(entries)) if entries else None


def _example(record: Record) -> Example:
    clean, adversarial = _pixels(record, "clean"), _pixels(record, "adversarial")
    if clean.shape != adversarial.shape:
        raise record.wrong("adversarial", f"{clean.shape[0]} rows of {clean.shape[1]} codes", adversarial.shape)
    change = adversarial.astype(np.int16) - clean.astype(np.int16)
    return Example(
        record.integer("label"),
        grey_uri(clean),
        grey_uri(adversarial),
        rgb_uri(difference_colours(change)),
        record.integer("clean_prediction"),
        record.integer("adversarial_prediction"),
        int(np.abs(change).max()),
        clean.shape[1],
        clean.shape[0],
    )


def _pixels(record: Record, key: str) -> np.ndarray:
    """Rows of pixel codes -> uint8 (H, W)."""
    rows = record.items(key)
    lines = [rows.items(index) for index in range(len(rows.value))]
    widths = {len(line.value) for line in lines}
    if len(widths) != 1 or not 1 <= len(lines) <= LARGEST_SIDE or not 1 <= max(widths) <= LARGEST_SIDE:
        raise record.wrong(key, f"rows of equal length, at most {LARGEST_SIDE} each way", f"{len(lines)} rows")
    return np.array([[line.integer(x, 0, 255) for x in range(len(line.value))] for line in lines], dtype=np.uint8)


def difference_colours(change: np.ndarray) -> np.ndarray:
    """int16 (H, W), -255..255 -> uint8 (H, W, 3): white where nothing changed, orange brighter, blue darker.

    The strongest colour is the image's own largest change, so that small budgets are visible too.
    """
    scale = max(int(np.abs(change).max()), 1)
    strength = (np.abs(change.astype(np.int32))[:, :, None] * 255 // scale).astype(np.int32)
    full = np.where(change[:, :, None] > 0, np.array([217, 72, 1]), np.array([8, 81, 200]))
    return (255 - (255 - full) * strength // 255).astype(np.uint8)
