"""Geometry of the line chart: accuracies against a budget, in SVG user units. The template draws it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flows.report.sections.accuracy import Accuracy, Measure

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 16, 52


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A value. `low`, `high`: ends of its confidence interval in y, None where not recorded; `label`: tooltip."""

    x: float
    y: float
    low: float | None
    high: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Series:
    """`line`: the polyline's points; `marks`: of the curve; `worst`: the worst case at the headline budget."""

    key: str
    title: str
    line: str
    marks: tuple[Mark, ...]
    worst: Mark | None


@dataclass(frozen=True, slots=True)
class Chart:
    """`budget`: x of the headline epsilon."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    budget: float
    series: tuple[Series, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def nice_step(span: float, steps: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that covers `span` in at most `steps` steps."""
    if span <= 0:
        return 1.0
    raw = span / steps
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))


def epsilon_chart(accuracy: Accuracy) -> Chart | None:
    """Accuracy against epsilon for every network with a curve; None where no network has one."""
    networks = [network for network in accuracy.networks if network.curve]
    if not networks:
        return None
    largest = max([accuracy.epsilon, *(network.curve[-1].epsilon for network in networks)]) or 1.0

    def x(epsilon: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * epsilon / largest, 2)

    def y(share: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 2)

    def mark(title: str, what: str, epsilon: float, measure: Measure, shift: float = 0.0) -> Mark:
        bounded = measure.low is not None and measure.high is not None
        interval = f" ({measure.low:.1%} to {measure.high:.1%})" if bounded else ""
        label = f"{title}, {what} at ε = {epsilon:g}: {measure.share:.1%}{interval}"
        low, high = (y(measure.low), y(measure.high)) if bounded else (None, None)
        return Mark(round(x(epsilon) + shift, 2), y(measure.share), low, high, label)

    series = []
    for index, network in enumerate(networks):
        points = [(point.epsilon, point.accuracy) for point in network.curve]
        if network.clean and points[0][0] == 0 and points[0][1].low is None:
            if points[0][1].share == network.clean.share:  # the same measurement, recorded with its interval
                points[0] = (0.0, network.clean)
        marks = tuple(mark(network.title, "curve", epsilon, measure) for epsilon, measure in points)
        shift = 5.0 * (index - (len(networks) - 1) / 2)  # intervals at the same budget lie side by side
        worst = network.worst_case and mark(
            network.title, "worst case of all attacks", accuracy.epsilon, network.worst_case, shift
        )
        line = " ".join(f"{point.x},{point.y}" for point in marks)
        series.append(Series(network.key, network.title, line, marks, worst))
    step = nice_step(largest, 8)
    x_ticks = tuple(Tick(x(step * i), f"{step * i:g}") for i in range(int(largest / step + 1e-9) + 1))
    y_ticks = tuple(Tick(y(share / 100), f"{share} %") for share in range(0, 101, 20))
    return Chart(x_ticks, y_ticks, x(accuracy.epsilon), tuple(series))
