"""Geometry of two charts, in SVG user units: noise against depth, and thresholds on a line. The template draws them."""

from __future__ import annotations

from dataclasses import dataclass

from flows.report.charts import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Tick, nice_step
from flows.report.sections.layers import Layers

BOTTOM = 52
ROW, HEAD = 44, 24


@dataclass(frozen=True, slots=True)
class Line:
    """`key`: of the network; `kind`: adversarial or noise; `points`: of the polyline; `values`: for readers."""

    key: str
    title: str
    kind: str
    points: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Depth:
    """Normalized distance at each block."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    name: str
    y: float
    learned: tuple[float, ...]
    fixed: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ThresholdChart:
    rows: tuple[ThresholdRow, ...]
    x_ticks: tuple[Tick, ...]
    height: int
    width: int = WIDTH
    left: int = LEFT + 40
    right: int = WIDTH - RIGHT


def depth_chart(layers: Layers) -> Depth:
    """Adversarial and random noise in every network, from the input to the logits."""
    largest = max((value for network in layers.networks for value in (*network.adversarial, *network.noise)), default=1)
    top = largest or 1.0
    steps = max(len(layers.blocks) - 1, 1)

    def x(index: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * index / steps, 2)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top, 2)

    lines = tuple(
        Line(network.key, network.title, kind, " ".join(f"{x(i)},{y(v)}" for i, v in enumerate(values)), values)
        for network in layers.networks
        for kind, values in (("adversarial", network.adversarial), ("noise", network.noise))
    )
    step = nice_step(top, 6)
    y_ticks = tuple(Tick(y(step * i), f"{step * i:g}") for i in range(int(top / step + 1e-9) + 1))
    return Depth(tuple(Tick(x(i), name) for i, name in enumerate(layers.blocks)), y_ticks, lines)


def threshold_chart(layers: Layers) -> ThresholdChart | None:
    """One row per quantizer; None without learned ones."""
    if not layers.thresholds:
        return None
    left, right = LEFT + 40, WIDTH - RIGHT
    reach = max(abs(value) for layer in layers.thresholds for value in (*layer.learned, *layer.fixed)) or 1.0

    def x(value: float) -> float:
        return round((left + right) / 2 + (right - left) / 2 * value / reach, 2)

    rows = tuple(
        ThresholdRow(layer.name, HEAD + ROW * index + ROW / 2, tuple(map(x, layer.learned)), tuple(map(x, layer.fixed)))
        for index, layer in enumerate(layers.thresholds)
    )
    step = nice_step(reach, 3)
    count = int(reach / step + 1e-9)
    ticks = tuple(Tick(x(step * i), f"{step * i:g}") for i in range(-count, count + 1))
    return ThresholdChart(rows, ticks, HEAD + ROW * len(rows) + 40)
