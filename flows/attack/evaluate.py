"""Attacks every network of a run and writes down what survives: `attack.json` and `adversarial.npz`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.common import check_data, labels
from flows.attack.criteria import accuracy
from flows.attack.examples import examples
from flows.attack.fgsm import Fgsm
from flows.attack.gradients import zero_gradients
from flows.attack.masking import audit
from flows.attack.pgd import Pgd
from flows.attack.square import Square
from flows.attack.sweep import sweep
from flows.attack.transfer import Transfer
from flows.attack.uniform import Uniform
from flows.attack.white_box import backward_modes
from flows.attack.worst_case import WorstCase
from flows.config import AttackConfig
from flows.errors import FlowError
from flows.targets.torch_target import TorchTarget

DEFENDED, FLOAT = "defended", "float"
OWN_BACKWARD = "clipped"
OTHER_ACTIONS = 7  # fgsm, margin pgd, uniform, square, more restarts, unbounded, audit
MORE_RESTARTS = 5  # times the configured ones, on what survived everything
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to be attacked. `title`: for readers. Bits: as configured (one or per layer), None for float."""

    target: TorchTarget
    title: str
    weight_bits: int | tuple[int, ...] | None = None
    activation_bits: int | tuple[int, ...] | None = None


class _Meter:
    """Turns finished actions into a share of all of them."""

    def __init__(self, networks: dict[str, Subject], config: AttackConfig, progress: Progress | None) -> None:
        points = len({0.0, config.epsilon, *config.sweep})
        modes = sum(len(backward_modes(subject.target)) for subject in networks.values())
        self._total = modes + len(networks) * (OTHER_ACTIONS + points)
        if FLOAT in networks:
            self._total += len(networks) - 1
        self._done, self._progress = 0, progress

    def __call__(self, text: str) -> None:
        """An action starts."""
        if self._progress:
            self._progress(self._done / self._total, text)
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
    meter = _Meter(networks, config, progress)
    ordered = sorted(networks, key=lambda name: name != FLOAT)
    records, worst, source = {}, {}, None
    for name in ordered:
        evaluation = _Evaluation(name, networks[name], x, y, config, seed, meter, source)
        records[name], worst[name] = evaluation.record(), evaluation.worst
        if name == FLOAT:
            source = evaluation.worst.images
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


class _Evaluation:
    """All attacks on one network. `source`: images that fool the float network, uint8 like the attacked ones."""

    def __init__(
        self,
        name: str,
        subject: Subject,
        x: np.ndarray,
        y: np.ndarray,
        config: AttackConfig,
        seed: int,
        meter: Callable[[str], None],
        source: np.ndarray | None,
    ) -> None:
        self._name, self._subject, self._target = name, subject, subject.target
        self._all_x, self._all_y = x, y
        self._x, self._y = x[: config.images], y[: config.images]
        self._config, self._seed, self._meter, self._source = config, seed, meter, source
        self._batches: list[AdversarialBatch] = []
        self.worst = WorstCase(self._x)

    def record(self) -> dict[str, object]:
        """This network's part of `attack.json`."""
        config, target = self._config, self._target
        clean = accuracy(labels(target, self._all_x) == self._all_y)
        self._attack(Fgsm(backward=OWN_BACKWARD, seed=self._seed))
        by_mode = {mode: self._attack(self._pgd(mode)) for mode in backward_modes(target)}
        mode = max(by_mode, key=lambda name: int(by_mode[name].success.sum()))
        margin = self._attack(self._pgd(mode, "margin"))
        loss = "margin" if margin.success.sum() > by_mode[mode].success.sum() else "cross_entropy"
        if self._source is not None:
            self._attack(Transfer(self._source, source=FLOAT, seed=self._seed))
        self._attack(Uniform(seed=self._seed))
        self._attack(Square(queries=config.square_queries, seed=self._seed), config.square_images)
        strongest = self._pgd(mode, loss)
        settled = self._insist(mode, loss)
        curve = sweep(
            strongest, target, self._x, self._y, config.sweep, config.epsilon, self.worst, self._say
        )  # before the worst case is counted: smaller budgets may fool more images
        self._say("unbounded")
        unbounded = strongest(target, self._x, self._y, 1.0)
        self._say("zero gradients")
        zeros = zero_gradients(target, self._x, self._y, backward=OWN_BACKWARD)
        return {
            "title": self._subject.title,
            "weight_bits": self._subject.weight_bits,
            "activation_bits": self._subject.activation_bits,
            "clean": clean,
            "attacks": [_attack_record(batch) for batch in self._batches],
            "worst_case": accuracy(~self.worst.fooled),
            "curve": curve,
            "audit": audit(self._batches, unbounded, zeros, settled, OWN_BACKWARD),
        }

    def _insist(self, backward: str, loss: str) -> tuple[float, float]:
        """Attacks what is left with many more restarts; the worst-case accuracy before and after."""
        self._say("more restarts")
        before, left = 1 - float(self.worst.fooled.mean()), np.flatnonzero(~self.worst.fooled)
        if len(left):
            restarts = MORE_RESTARTS * self._config.pgd_restarts
            attack = Pgd(
                steps=self._config.pgd_steps, restarts=restarts, backward=backward, loss=loss, seed=self._seed + 1
            )
            self.worst.add(attack(self._target, self._x[left], self._y[left], self._config.epsilon), left)
        return before, 1 - float(self.worst.fooled.mean())

    def _pgd(self, backward: str, loss: str = "cross_entropy") -> Pgd:
        config = self._config
        return Pgd(steps=config.pgd_steps, restarts=config.pgd_restarts, backward=backward, loss=loss, seed=self._seed)

    def _attack(self, attack: Fgsm | Pgd | Square | Transfer | Uniform, images: int | None = None) -> AdversarialBatch:
        self._say(f"{attack.name} {getattr(attack, 'backward', '')}".strip())
        batch = attack(self._target, self._x[:images], self._y[:images], self._config.epsilon)
        self._batches.append(batch)
        self.worst.add(batch)
        return batch

    def _say(self, text: str) -> None:
        self._meter(f"{self._name}: {text}")


def _attack_record(batch: AdversarialBatch) -> dict[str, object]:
    return {
        "name": batch.attack,
        "backward": batch.details.get("backward"),
        "accuracy": 1 - float(batch.success.mean()),
        "images": len(batch.success),
        "queries": int(batch.queries.sum()),
        "details": {key: value for key, value in batch.details.items() if key != "backward"} | {"seed": batch.seed},
    }
