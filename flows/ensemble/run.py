"""`holdfast ensemble RUN`: the ensemble of a finished run under attacks that average over its noise."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from brevitas_models.config import Answer
from flows import environment
from flows.attack.criteria import accuracy
from flows.attack.eot_pgd import EotPgd
from flows.attack.evaluation import Subject
from flows.attack.fgsm import Fgsm
from flows.attack.pgd import Pgd
from flows.config import AttackConfig
from flows.ensemble.detection import separation, suspicion
from flows.ensemble.effort import Effort
from flows.ensemble.evasion import Evasion
from flows.ensemble.members import member_logits, shares_right
from flows.ensemble.plane import point
from flows.ensemble.record import NAME, NETWORK, PICTURE, TRAINED
from flows.errors import FlowError
from flows.report.information_plane import draw
from flows.report.summary import write_whole
from flows.run import digest
from flows.run.finished import opened
from flows.stages.files import read_arrays, write_json
from flows.stages.subjects import load_subject
from flows.targets.torch_target import TorchTarget

DRAWS = 16  # of every measurement
Say = Callable[[str], None]


class _Judged:
    def __init__(self, target: TorchTarget, x: np.ndarray, y: np.ndarray, effort: Effort, seed: int, say: Say) -> None:
        self.target, self.ensemble, self.effort, self.seed, self.say = target, target.module, effort, seed, say
        self.all_x, self.all_y = x, y
        self.x, self.y = x[: effort.images], y[: effort.images]

    def eot(self, epsilon: float):
        attack = EotPgd(draws=self.effort.draws, steps=self.effort.steps, seed=self.seed)
        return attack(self.target, self.x, self.y, epsilon)

    def answers(self, epsilon: float) -> dict[str, object]:
        """What survives, with the scores added and with one member drawn for every picture."""
        clean = shares_right(member_logits(self.ensemble, self.all_x, DRAWS), self.all_y)
        found = {}
        for answer in Answer:
            self.say(f"{answer}: fgsm, pgd of one draw, eot-pgd")
            self.ensemble.answer = answer
            fgsm = Fgsm(seed=self.seed)(self.target, self.x, self.y, epsilon)
            naive = Pgd(steps=self.effort.steps, seed=self.seed)(self.target, self.x, self.y, epsilon)
            eot = self.eot(epsilon)
            left = {}
            for name, batch in (("fgsm", fgsm), ("one_draw_pgd", naive), ("eot_pgd", eot)):
                logits = member_logits(self.ensemble, batch.images, DRAWS)
                left[name] = shares_right(logits, self.y)[answer.value]
            left["eot_pgd_majority"] = accuracy(~eot.success)
            found[answer.value] = {"clean": clean[answer.value], **left}
        self.ensemble.answer = Answer.SUM
        return found | {"members": clean["members"]}

    def plane(self, budgets: tuple[float, ...]) -> tuple[list[dict[str, object]], dict[float, object]]:
        points, batches = [], {}
        for epsilon in budgets:
            self.say(f"information plane at epsilon {epsilon:g}")
            batches[epsilon] = batch = self.eot(epsilon) if epsilon else None
            images = batch.images if batch else self.x
            points.append(point(epsilon, member_logits(self.ensemble, images, DRAWS), self.y))
        return points, batches

    def detection(self, batch, epsilon: float) -> list[dict[str, object]]:
        """AUROC of what fooled the majority against all clean pictures."""
        clean = suspicion(member_logits(self.ensemble, self.all_x, DRAWS))
        self.say("evasion")
        images, fooled = Evasion(draws=self.effort.draws, steps=self.effort.steps, seed=self.seed)(
            self.target, self.x, self.y, epsilon
        )
        rows = []
        for name, found, success in (("eot-pgd", batch.images, batch.success), ("evasion", images, fooled)):
            right = self._right_when_clean() & success
            seen = suspicion(member_logits(self.ensemble, found[right], DRAWS)) if right.any() else np.zeros(0)
            rows.append({"attack": name, "images": int(right.sum()), "auroc": separation(clean, seen)})
        return rows

    def _right_when_clean(self) -> np.ndarray:
        added = member_logits(self.ensemble, self.x, DRAWS).sum(dim=(0, 1))
        return added.argmax(dim=-1).numpy() == self.y


def measure(
    subject: Subject, x: np.ndarray, y: np.ndarray, config: AttackConfig, effort: Effort, seed: int, say: Say
) -> dict[str, object]:
    """Everything that `ensemble.json` says of one ensemble; `x`, `y`: uint8 (N, C, H, W) test images and classes (N,).

    `config`: the budget of the headline and those of the plane. A random network: draws follow from `seed`.
    """
    epsilon, budgets = config.epsilon, tuple(sorted({0.0, config.epsilon, *config.sweep}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judged = _Judged(subject.target, x, y, effort, seed, say)
        answers = judged.answers(epsilon)
        points, batches = judged.plane(budgets)
        detection = judged.detection(batches[epsilon], epsilon)
    return {
        "title": subject.title,
        "members": list(subject.activation_bits),
        "epsilon": epsilon,
        "effort": dataclasses.asdict(effort) | {"measured_draws": DRAWS},
        "seed": seed,
        "answers": answers,
        "detection": detection,
        "plane": points,
    }


def judge_ensemble(run: Path, effort: Effort, say: Say = lambda text: None) -> dict[str, object]:
    """Writes and returns `RUN/ensemble.json`; draws `RUN/information-plane.svg`.

    Raises FlowError where the run's training has not finished or its defended network is no ensemble.
    """
    with opened(run, "data", "train") as context:
        config = context.config
        if not config.quant.members:
            raise FlowError(f"{run}: expected a run with quant.members, got one network; see the preset digits-sq")
        torch.set_num_threads(environment.threads())
        x, y = read_arrays(context.input("data", "test.npz"), "x", "y")
        if not 1 <= effort.images <= len(x):
            raise FlowError(f"ensemble --images: expected 1 to {len(x)} (test images of this run), got {effort.images}")
        began, subject = time.monotonic(), load_subject(context, "defended")
        record = {"format": 1, "run": config.name, "dataset": config.data.dataset.value}
        record[TRAINED] = digest.of_file(run / NETWORK)
        record |= measure(subject, x, y, config.attack, effort, config.seed, say)
        record["seconds"] = round(time.monotonic() - began, 1)
        write_json(run / f".{NAME}", record)
        (run / f".{NAME}").replace(run / NAME)
        write_whole(run / PICTURE, draw([record]))
    return record
