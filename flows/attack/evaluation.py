"""One network attacked with everything there is, and the evidence for the audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from flows.attack.batch import AdversarialBatch, Attack, grid_epsilon
from flows.attack.common import labels
from flows.attack.criteria import accuracy
from flows.attack.fgsm import Fgsm
from flows.attack.gradients import zero_gradients
from flows.attack.layer_record import layer_record
from flows.attack.pgd import Pgd
from flows.attack.registry import build
from flows.attack.square import Square
from flows.attack.sweep import sweep
from flows.attack.transfer import Transfer
from flows.attack.uniform import Uniform
from flows.attack.white_box import backward_modes
from flows.attack.worst_case import WorstCase
from flows.audit.evidence import OWN_BACKWARD, Evidence
from flows.audit.judge import judge
from flows.audit.measures.agreement import agreement
from flows.audit.measures.repeats import Repeats, repeats
from flows.config import AttackConfig
from flows.targets.averaged import Averaged
from flows.targets.torch_target import TorchTarget

MORE_RESTARTS = 3  # times the configured ones, on what survived everything
MORE_STEPS = 4  # times the configured ones with half the restarts, on what survived that
DRAWS = 8  # of a random network: the mean that is attacked, and the repeats that show how random it is
DIRECTIONS = {False: 4, True: 16}  # of the numeric gradient, by thoroughness
CROSS_ENTROPY, MARGIN = "cross_entropy", "margin"
EXTRA = ("apgd-ce", "apgd-dlr", "apgd-t")  # of a thorough evaluation, through the strongest backward pass
AUTO_STEPS = 100  # of each of them, as in AutoAttack
FEW_STEPS = 40  # of the targeted one, the strongest of them, in every evaluation
BLIND = (
    "parsimonious",
    "nes",
    "spsa",
    "hop-skip-jump",
)  # of a thorough evaluation, beside square: scores, classes once
FOR_DLR = 4  # classes that the targeted ratio of logits needs
BUDGETS = (0.25, 0.5, 1.0, 1.5, 2.0)  # of epsilon, attacked anew in a thorough evaluation


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to be attacked. `title`: for readers. Bits: as configured (one or per layer), None for float."""

    target: TorchTarget
    title: str
    weight_bits: int | tuple[int, ...] | None = None
    activation_bits: int | tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What an earlier evaluation says of the first `images` images: `accuracy` in the worst case; `adversarial`: its
    images, uint8 (images, C, H, W), None where they were not kept."""

    accuracy: float
    images: int
    adversarial: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """`config`: budgets and effort of the attacks. `thorough`: every width of the soft staircase, both losses through
    every backward pass, every budget attacked anew."""

    config: AttackConfig
    thorough: bool = False

    def actions(self, target: TorchTarget, sources: int) -> int:
        """How often `Evaluation` reports what it does next."""
        config, modes = self.config, len(backward_modes(target, every=self.thorough))
        points = len({0.0, config.epsilon, *config.sweep})
        if self.thorough:
            return 2 * modes + OTHER_ACTIONS + points + sources + len(BUDGETS) + len(EXTRA) + len(BLIND) + 2
        return modes + OTHER_ACTIONS + points + sources


OTHER_ACTIONS = 8  # fgsm, margin pgd, targeted apgd, uniform, square, more restarts, unbounded, measurements


class Evaluation:
    """All attacks on one network.

    `x`: uint8 (N, C, H, W); `y`: integers (N,): clean accuracy is over all of them, attacks over the first
    `effort.config.images`. `sources`: name of another network -> images that fool it, uint8 like the attacked ones.
    `say`: called before each action. Afterwards `worst` holds the worst case.

    A network that answers at random is attacked and judged on the mean of DRAWS draws.
    """

    def __init__(
        self,
        subject: Subject,
        x: np.ndarray,
        y: np.ndarray,
        effort: Effort,
        seed: int,
        *,
        sources: dict[str, np.ndarray] | None = None,
        claim: Claim | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._subject, self._target = subject, subject.target
        self._all_x, self._all_y = x, y
        self._x, self._y = x[: effort.config.images], y[: effort.config.images]
        self._effort, self._config, self._seed = effort, effort.config, seed
        self._sources, self._claim, self._say = sources or {}, claim, say or (lambda text: None)
        self._batches: list[AdversarialBatch] = []
        self.worst = WorstCase(self._x)

    def record(self) -> dict[str, object]:
        """This network's part of `attack.json`. A random network draws from torch's generator, seeded for it."""
        with torch.random.fork_rng():
            torch.manual_seed(self._seed)
            return self._record()

    def _record(self) -> dict[str, object]:
        config = self._config
        first = repeats(self._subject.target, self._x, self._y, draws=2)
        if first.scores:
            self._target = Averaged(self._subject.target, DRAWS)
        clean = accuracy(labels(self._target, self._all_x) == self._all_y)
        mode, loss = self._gradient_attacks()
        for name, images in self._sources.items():
            self._attack(Transfer(images, source=name, seed=self._seed))
        self._attack(Uniform(seed=self._seed))
        self._attack(Square(queries=config.square_queries, seed=self._seed), config.square_images)
        for name in BLIND if self._effort.thorough else ():
            self._attack(build(name, {"queries": config.square_queries, "seed": self._seed}), config.square_images)
        settled = self._insist(mode, loss)
        curve = sweep(
            self._pgd(mode, loss), self._target, self._x, self._y, config.sweep, config.epsilon, self.worst, self._say
        )  # before the worst case is counted: smaller budgets may fool more images
        budgets = self._budgets(mode, loss) if self._effort.thorough else ()
        self._say("unbounded")
        # from the image itself: a random start at this budget is another image, which fools without any gradient
        free = Pgd(steps=max(config.pgd_steps, 20), backward=mode, loss=loss, random_start=False, seed=self._seed)
        unbounded = free(self._target, self._x, self._y, 1.0)
        if self._claim is not None and self._claim.adversarial is not None:
            self._take_claimed(self._claim.adversarial)
        self._say("measurements")
        evidence = self._evidence(unbounded, settled, budgets, first)
        return {
            "title": self._subject.title,
            "weight_bits": self._subject.weight_bits,
            "activation_bits": self._subject.activation_bits,
            "clean": clean,
            "attacks": [attack_record(batch) for batch in self._batches],
            "worst_case": accuracy(~self.worst.fooled),
            "curve": curve,
            "layers": layer_record(self._subject.target, self._x, self.worst.images, config.epsilon, self._seed),
            "audit": judge(evidence),
        }

    def _gradient_attacks(self) -> tuple[str, str]:
        """Runs them; the backward pass and loss of the strongest PGD."""
        self._attack(Fgsm(backward=OWN_BACKWARD, seed=self._seed))
        modes = backward_modes(self._target, every=self._effort.thorough)
        tried = {(mode, CROSS_ENTROPY): self._attack(self._pgd(mode)) for mode in modes}
        strongest = max(tried, key=lambda key: int(tried[key].success.sum()))
        for mode in modes if self._effort.thorough else strongest[:1]:
            tried[mode, MARGIN] = self._attack(self._pgd(mode, MARGIN))
        strongest = max(tried, key=lambda key: int(tried[key].success.sum()))
        if self._effort.thorough:
            self._more_gradient_attacks(strongest[0])
        elif self._classes() >= FOR_DLR:
            self._attack(build("apgd-t", {"steps": FEW_STEPS, "backward": strongest[0], "seed": self._seed}))
        return strongest

    def _more_gradient_attacks(self, strongest: str) -> None:
        steps, restarts, seed = self._config.pgd_steps, self._config.pgd_restarts, self._seed
        for mode in dict.fromkeys((OWN_BACKWARD, strongest)):
            values = {"steps": steps, "restarts": restarts, "backward": mode, "seed": seed}
            self._attack(build("temperature-pgd", values))
        self._attack(build("bim", {"steps": steps, "backward": OWN_BACKWARD, "seed": seed}))
        values = {"steps": AUTO_STEPS, "backward": strongest, "seed": seed}
        for name in EXTRA if self._classes() >= FOR_DLR else ("apgd-ce",):
            self._attack(build(name, values))

    def _classes(self) -> int:
        return self._target.predict(self._x[:1]).shape[1]

    def _insist(self, backward: str, loss: str) -> tuple[float, float]:
        """Attacks what is left with many more restarts, then steps; the worst-case accuracy before and after."""
        self._say("more restarts and steps")
        before, config = 1 - float(self.worst.fooled.mean()), self._config
        efforts = (
            (config.pgd_steps, MORE_RESTARTS * config.pgd_restarts),
            (MORE_STEPS * config.pgd_steps, max(config.pgd_restarts // 2, 1)),
        )
        for turn, (steps, restarts) in enumerate(efforts, start=1):
            left = np.flatnonzero(~self.worst.fooled)
            if len(left):
                attack = Pgd(steps=steps, restarts=restarts, backward=backward, loss=loss, seed=self._seed + turn)
                self.worst.add(attack(self._target, self._x[left], self._y[left], config.epsilon), left)
        return before, 1 - float(self.worst.fooled.mean())

    def _budgets(self, backward: str, loss: str) -> tuple[AdversarialBatch, ...]:
        """Each budget on its own, with nothing known from the others."""
        batches = []
        for turn, factor in enumerate(BUDGETS):
            epsilon = min(factor * self._config.epsilon, 1.0)
            self._say(f"anew at epsilon {epsilon:g}")
            attack = Pgd(
                steps=self._config.pgd_steps,
                restarts=self._config.pgd_restarts,
                backward=backward,
                loss=loss,
                seed=self._seed + 100 + turn,
            )
            batches.append(attack(self._target, self._x, self._y, epsilon))
        return tuple(batches)

    def _take_claimed(self, adversarial: np.ndarray) -> None:
        n = min(len(adversarial), len(self._x))
        replay = Transfer(adversarial[:n], source="record", seed=self._seed)
        self.worst.add(replay(self._target, self._x[:n], self._y[:n], self._config.epsilon))

    def _evidence(
        self,
        unbounded: AdversarialBatch,
        settled: tuple[float, float],
        budgets: tuple[AdversarialBatch, ...],
        first: Repeats,
    ) -> Evidence:
        claim, zeros = self._claim, zero_gradients(self._target, self._x, self._y, backward=OWN_BACKWARD)
        if first.scores:  # found images lie at the border, where a random answer turns most often
            shown = np.concatenate([self._x, self.worst.images])
            first = repeats(self._subject.target, shown, np.tile(self._y, 2), draws=DRAWS)
        agreed = agreement(
            self._target,
            self._x,
            self._y,
            self._config.epsilon,
            backward=OWN_BACKWARD,
            directions=DIRECTIONS[self._effort.thorough],
            seed=self._seed,
        )
        found = None if claim is None else 1 - float(self.worst.fooled[: claim.images].mean())
        claimed = None if claim is None else claim.accuracy
        return Evidence(tuple(self._batches), unbounded, zeros, settled, first, agreed, budgets, claimed, found)

    def _pgd(self, backward: str, loss: str = CROSS_ENTROPY) -> Pgd:
        config = self._config
        return Pgd(steps=config.pgd_steps, restarts=config.pgd_restarts, backward=backward, loss=loss, seed=self._seed)

    def _attack(self, attack: Attack, images: int | None = None) -> AdversarialBatch:
        self._say(f"{attack.name} {getattr(attack, 'backward', '')}".strip())
        batch = attack(self._target, self._x[:images], self._y[:images], self._config.epsilon)
        self._batches.append(batch)
        self.worst.add(batch)
        return batch


def attack_record(batch: AdversarialBatch) -> dict[str, object]:
    """One row of `attacks` in `attack.json`: what survived with its interval, and everything that repeats it."""
    details = {key: value for key, value in batch.details.items() if key != "backward"}
    return {
        "name": batch.attack,
        "backward": batch.details.get("backward"),
        **accuracy(~batch.success),
        "queries": int(batch.queries.sum()),
        "details": {"epsilon": batch.epsilon, "codes": grid_epsilon(batch.epsilon)} | details | {"seed": batch.seed},
    }
