"""Attacks through the circuit by queries alone, and everything that was found anywhere replayed on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from flows.attack.batch import AdversarialBatch, Attack
from flows.attack.common import at_least, check_data
from flows.attack.finds import ARRAYS, Finds, check_finds, describe
from flows.attack.registry import build, entry, parameters
from flows.attack.replay import Found, scores, survivors
from flows.attack.worst_case import WorstCase
from flows.config import HilConfig
from flows.errors import FlowError
from flows.targets.target import Target

SEARCH_SHARE = 0.8  # of the progress bar; then the replay of the worst case, then that of every attack
REPLAY_SHARE = 0.1
Say = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """One attack through the circuit. `asked`: queries that the circuit counted."""

    batch: AdversarialBatch
    asked: int
    seconds: float


def attack_circuit(
    target: Target,
    twin: Target,
    adversarial: Mapping[str, np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    epsilon: float,
    config: HilConfig,
    seed: int,
    progress: Say | None = None,
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Contents of `hil.json` and of `hil.npz`.

    `target`: the circuit. `twin`: what its scores are compared with (the golden model). `adversarial`: the arrays of
    `adversarial.npz`, found on the trained network. `x`: uint8 (N, C, H, W) test images; `y`: integers (N,); the first
    `config.images` are attacked by each of `config.attacks` with at most `config.queries` queries; `epsilon`: pixel
    units. `hil.npz`: `images` (worst case of all attacks), `labels`, `originals`, `success`, `queries` (of all attacks
    together); `replay_circuit`, `replay_twin`: int64 scores. Raises FlowError for data of another form.
    """
    images = at_least("hil images", config.images, 1)
    x, y = x[:images], y[:images]
    check_data("hil", x, y, epsilon)
    replayed, truth = adversarial["images"], adversarial["labels"]
    check_data("hil replay", replayed, truth, epsilon)
    check_finds(adversarial, len(truth), replayed.shape[1:])
    say = progress or (lambda done, text: None)

    runs = _search(target, x, y, epsilon, config, seed, say)
    worst = WorstCase(x)
    for run in runs:
        worst.add(run.batch)
    clean = scores(target, x)
    say(SEARCH_SHARE, f"replay of {len(replayed)} images")
    circuit = scores(target, replayed, lambda done: say(SEARCH_SHARE + REPLAY_SHARE * done, "replay"))
    golden = scores(twin, replayed)
    start = SEARCH_SHARE + REPLAY_SHARE
    asked, seconds = sum(run.asked for run in runs), sum(run.seconds for run in runs)
    record = {
        "target": target.name,
        "attack": ", ".join(run.batch.attack for run in runs),
        "epsilon": epsilon,
        "images": len(x),
        "queries": asked,
        "clean_accuracy": float((clean.argmax(axis=1) == y).mean()),
        "accuracy": 1 - float(worst.fooled.mean()),
        "queries_per_second": asked / max(seconds, 1e-9),
        "attacks": [_record(run, config.queries) for run in runs],
        "replay": {
            "images": len(replayed),
            "same_scores": int(np.count_nonzero((circuit == golden).all(axis=1))),
            "fool_twin": int(np.count_nonzero(golden.argmax(axis=1) != truth)),
            "fool_circuit": int(np.count_nonzero(circuit.argmax(axis=1) != truth)),
            "attacks": survivors(
                [*_found_before(adversarial), *(_found_here(run, x, y, target.name) for run in runs)],
                twin,
                target,
                config.replay,
                lambda done: say(start + (1 - start) * done, "replay of every attack"),
            ),
        },
    }
    arrays = {
        "images": worst.images,
        "labels": y.astype(np.int64),
        "originals": x,
        "success": worst.fooled,
        "queries": np.sum([run.batch.queries for run in runs], axis=0),
        "replay_circuit": circuit,
        "replay_twin": golden,
    }
    return record, arrays


def through_queries(name: str, queries: int, seed: int, progress: Callable[[int, int], None] | None = None) -> Attack:
    """The black-box attack `name` with this budget per image. Raises FlowError for one that needs gradients."""
    values: dict[str, object] = {"seed": seed}
    if "queries" in parameters(name):
        values["queries"] = queries
    elif "draws" in parameters(name):
        values["draws"] = max(queries - 2, 1)  # the clean image and the confirmation
    return build(name, values, progress)


def _search(
    target: Target, x: np.ndarray, y: np.ndarray, epsilon: float, config: HilConfig, seed: int, say: Say
) -> list[_Run]:
    """Every attack on the same images, timed; the circuit's count of queries must be the attack's."""
    runs, whole = [], len(x) * config.queries * len(config.attacks)
    for place, name in enumerate(config.attacks):
        before = place * len(x) * config.queries

        def searching(asked: int, standing: int, name: str = name, before: int = before) -> None:
            say(SEARCH_SHARE * min((before + asked) / whole, 1.0), f"{name}: {asked} queries, {standing} images stand")

        attack = through_queries(name, config.queries, seed, searching)
        count, started = target.queries, time.perf_counter()
        batch = attack(target, x, y, epsilon)
        run = _Run(batch, target.queries - count, time.perf_counter() - started)
        if run.asked != int(batch.queries.sum()):
            raise FlowError(f"hil: {target.name} counted {run.asked} queries, {name} {int(batch.queries.sum())}")
        runs.append(run)
    return runs


def _record(run: _Run, budget: int) -> dict[str, object]:
    return {
        "name": run.batch.attack,
        "access": entry(run.batch.attack).access,
        "images": len(run.batch.success),
        "accuracy": 1 - float(run.batch.success.mean()),
        "budget": budget,
        "queries": run.asked,
        "most_queries": int(run.batch.queries.max()),
        "seconds": run.seconds,
        "queries_per_second": run.asked / max(run.seconds, 1e-9),
        "details": run.batch.details,
    }


def _found_before(adversarial: Mapping[str, np.ndarray]) -> list[Found]:
    """What was found on the trained network, attack by attack."""
    images, of, by = (adversarial[name] for name in ARRAYS)
    labels = adversarial["labels"]
    return [Found(str(name), "torch", images[by == name], labels[of[by == name]]) for name in np.unique(by)]


def _found_here(run: _Run, x: np.ndarray, y: np.ndarray, target: str) -> Found:
    finds = Finds()
    finds.add(run.batch, x, np.arange(len(x)))
    arrays = finds.arrays(x.shape[1:])
    return Found(describe(run.batch), target, arrays["found_images"], y[arrays["found_of"]])
