"""Attacks every network of a run and writes down what survives: `attack.json` and `adversarial.npz`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from flows.attack.common import check_data
from flows.attack.evaluation import Effort, Evaluation, Subject
from flows.attack.examples import examples
from flows.config import AttackConfig
from flows.errors import FlowError

DEFENDED, FLOAT = "defended", "float"
Progress = Callable[[float, str], None]


class Meter:
    """Turns finished actions, of `total`, into a share of all of them."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._done, self._progress = total, 0, progress

    def __call__(self, text: str) -> None:
        """An action starts."""
        if self._progress:
            self._progress(min(self._done / self._total, 1.0), text)
        self._done += 1


def evaluate(
    networks: dict[str, Subject],
    x: np.ndarray,
    y: np.ndarray,
    config: AttackConfig,
    seed: int,
    progress: Progress | None = None,
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Contents of `attack.json`, and of `adversarial.npz` for the network `defended` (its worst case, and what each
    attack found: `flows.attack.finds`).

    `x`: uint8 (N, C, H, W) test images; `y`: integers (N,). Clean accuracy is over all of them, attacks over the first
    `config.images`, square over the first `config.square_images` of those. Where a network `float` is given, what
    fools it is tried on the others. Raises FlowError without `defended` or images.
    """
    if DEFENDED not in networks:
        raise FlowError(f"evaluate: expected a network named {DEFENDED!r}, got {', '.join(networks) or 'none'}")
    check_data("evaluate", x, y, config.epsilon)
    effort, sources = Effort(config), {}
    total = sum(
        effort.actions(subject.target, int(FLOAT in networks and name != FLOAT)) for name, subject in networks.items()
    )
    meter = Meter(total, progress)
    records, worst = {}, {}
    for name in sorted(networks, key=lambda name: name != FLOAT):

        def say(text: str, name: str = name) -> None:
            meter(f"{name}: {text}")

        evaluation = Evaluation(networks[name], x, y, effort, seed, sources=sources, say=say)
        records[name], worst[name] = evaluation.record(), evaluation.worst
        if name == FLOAT:
            sources = {FLOAT: evaluation.worst.images}
    attacked = slice(0, len(worst[DEFENDED].images))
    adversarial = {"images": worst[DEFENDED].images, "labels": y[attacked].astype(np.int64), "originals": x[attacked]}
    adversarial |= worst[DEFENDED].finds.arrays(x.shape[1:])
    target = networks[DEFENDED].target
    shown = examples(target, adversarial["originals"], adversarial["images"], y[attacked], config.epsilon)
    record = {
        "epsilon": config.epsilon,
        "images": len(adversarial["images"]),
        "networks": {name: records[name] for name in networks},
        "examples": shown,
    }
    return record, adversarial
