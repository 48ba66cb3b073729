"""The attack through the circuit: search by score queries, and the twin's adversarial images replayed on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from flows.attack.common import BATCH, at_least, check_data
from flows.attack.square import Square
from flows.errors import FlowError
from flows.targets.target import Target

SEARCH_SHARE = 0.9  # of the progress bar


def attack_circuit(
    target: Target,
    twin: Target,
    adversarial: dict[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    epsilon: float,
    images: int,
    queries: int,
    seed: int,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Contents of `hil.json` and of `hil.npz`.

    `target`: the circuit. `twin`: what its scores are compared with (the golden model). `adversarial`: the arrays of
    `adversarial.npz`, white-box examples of the twin. `x`: uint8 (N, C, H, W) test images; `y`: integers (N,); the
    first `images` are attacked by Square with at most `queries` queries each; `epsilon`: pixel units.
    `hil.npz`: `images`, `labels`, `originals`, `success`, `queries` of the search; `replay_circuit`, `replay_twin`:
    int64 scores. Raises FlowError for data of another form.
    """
    x, y = x[: at_least("hil images", images, 1)], y[:images]
    check_data("hil", x, y, epsilon)
    replayed, truth = adversarial["images"], adversarial["labels"]
    check_data("hil replay", replayed, truth, epsilon)
    say = progress or (lambda done, text: None)

    def searching(asked: int, standing: int) -> None:
        say(SEARCH_SHARE * min(asked / (len(x) * queries), 1.0), f"square: {asked} queries, {standing} images stand")

    attack = Square(queries=queries, seed=seed, progress=searching)
    before, started = target.queries, time.perf_counter()
    batch = attack(target, x, y, epsilon)
    seconds, asked = time.perf_counter() - started, target.queries - before
    if asked != int(batch.queries.sum()):
        raise FlowError(f"hil: {target.name} counted {asked} queries, the attack {int(batch.queries.sum())}")
    clean = _scores(target, x, lambda done: None)
    say(SEARCH_SHARE, f"replay of {len(replayed)} images")
    circuit = _scores(target, replayed, lambda done: say(SEARCH_SHARE + (1 - SEARCH_SHARE) * done, "replay"))
    golden = _scores(twin, replayed, lambda done: None)
    record = {
        "target": target.name,
        "attack": attack.name,
        "epsilon": epsilon,
        "images": len(x),
        "queries": asked,
        "clean_accuracy": float((clean.argmax(axis=1) == y).mean()),
        "accuracy": 1 - float(batch.success.mean()),
        "queries_per_second": asked / max(seconds, 1e-9),
        "replay": {
            "images": len(replayed),
            "same_scores": int(np.count_nonzero((circuit == golden).all(axis=1))),
            "fool_twin": int(np.count_nonzero(golden.argmax(axis=1) != truth)),
            "fool_circuit": int(np.count_nonzero(circuit.argmax(axis=1) != truth)),
        },
    }
    arrays = {
        "images": batch.images,
        "labels": y.astype(np.int64),
        "originals": x,
        "success": batch.success,
        "queries": batch.queries,
        "replay_circuit": circuit,
        "replay_twin": golden,
    }
    return record, arrays


def _scores(target: Target, images: np.ndarray, done: Callable[[float], None]) -> np.ndarray:
    """uint8 (N, C, H, W) -> int64 scores (N, classes), in batches."""
    parts = []
    for start in range(0, len(images), BATCH):
        parts.append(target.predict(images[start : start + BATCH]))
        done(min(start + BATCH, len(images)) / len(images))
    return np.concatenate(parts)
