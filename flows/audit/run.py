"""`holdfast audit RUN`: the checklist on the networks of a finished run, with far more effort than the run's own."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from flows import environment
from flows.attack.common import labels
from flows.attack.evaluate import DEFENDED, FLOAT, Meter
from flows.attack.evaluation import Claim, Effort, Evaluation
from flows.attack.pgd import Pgd
from flows.attack.worst_case import WorstCase
from flows.audit.record import ATTACK_RECORD, NAME, merged, write
from flows.config import AttackConfig
from flows.errors import FlowError
from flows.run import digest
from flows.run.finished import opened
from flows.run.stage import Context
from flows.stages.files import read_arrays, read_json
from flows.stages.networks import recipes
from flows.stages.subjects import load_subject
from flows.targets.torch_target import TorchTarget

NEEDED = ("data", "train", "attack")
MORE_STEPS, MORE_QUERIES = 2, 4  # times what the run itself spent
OTHER_SEED = 1  # added to the run's seed, so that the search is another one
Progress = Callable[[float, str], None]


def audit_run(
    run: Path, names: Sequence[str], images: int | None, progress: Progress | None = None
) -> dict[str, object]:
    """Audits networks (`defended`, `quantized`, `float`) of the run directory `run`; writes and returns `audit.json`.

    `images`: how many test images, None for as many as the run attacked. Audits of other networks of the same run
    with the same effort are kept. Raises FlowError where the run's attack stage has not finished, a file is not what
    its stage wrote, or a name is unknown.
    """
    with opened(run, *NEEDED) as context:
        config = context.config
        known = recipes(config)
        if unknown := [name for name in names if name not in known]:
            raise FlowError(f"audit: expected a network of {', '.join(known)}, got {unknown[0]!r}")
        x, y = read_arrays(context.input("data", "test.npz"), "x", "y")
        effort = Effort(_deeper(config.attack, config.attack.images if images is None else images, len(x)), True)
        torch.set_num_threads(environment.threads())
        started = time.monotonic()
        audited = _audit(context, tuple(dict.fromkeys(names)), x, y, effort, progress)
        record = {
            "format": 1,
            "run": config.name,
            ATTACK_RECORD: digest.of_file(run / "attack" / "attack.json"),
            "epsilon": config.attack.epsilon,
            "images": effort.config.images,
            "seed": config.seed + OTHER_SEED,
            "effort": {
                "pgd_steps": effort.config.pgd_steps,
                "pgd_restarts": effort.config.pgd_restarts,
                "square_queries": effort.config.square_queries,
            },
            "seconds": round(time.monotonic() - started, 1),
            "networks": audited,
        }
        record = merged(run, record)
        write(run / NAME, record)
    return record


def _deeper(config: AttackConfig, images: int, there: int) -> AttackConfig:
    if not 1 <= images <= there:
        raise FlowError(f"audit images: expected 1 to {there} (the test images of this run), got {images}")
    return dataclasses.replace(
        config,
        images=images,
        pgd_steps=MORE_STEPS * config.pgd_steps,
        square_queries=MORE_QUERIES * config.square_queries,
        square_images=images,
    )


def _audit(
    context: Context, names: tuple[str, ...], x: np.ndarray, y: np.ndarray, effort: Effort, progress: Progress | None
) -> dict[str, dict[str, object]]:
    subjects = {name: load_subject(context, name) for name in names}
    others = [name for name in names if name != FLOAT]
    total = sum(effort.actions(subject.target, int(name != FLOAT)) for name, subject in subjects.items())
    meter, sources = Meter(total + bool(others), progress), {}
    seed = context.config.seed + OTHER_SEED
    if others:
        meter(f"{FLOAT}: images to transfer")
        sources = {FLOAT: _fooling(load_subject(context, FLOAT).target, x, y, effort.config, seed)}
    records = {}
    for name in names:

        def say(text: str, name: str = name) -> None:
            meter(f"{name}: {text}")

        claim = _claim(context, name, subjects[name].target, y, effort.config.images)
        source = {} if name == FLOAT else sources
        evaluation = Evaluation(subjects[name], x, y, effort, seed, sources=source, claim=claim, say=say)
        records[name] = evaluation.record()
    return records


def _fooling(target: TorchTarget, x: np.ndarray, y: np.ndarray, config: AttackConfig, seed: int) -> np.ndarray:
    """Images that fool a network, uint8 (config.images, C, H, W)."""
    x, y = x[: config.images], y[: config.images]
    worst = WorstCase(x)
    for loss in ("cross_entropy", "margin"):
        attack = Pgd(steps=config.pgd_steps, restarts=config.pgd_restarts, loss=loss, seed=seed)
        worst.add(attack(target, x, y, config.epsilon))
    return worst.images


def _claim(context: Context, name: str, target: TorchTarget, y: np.ndarray, images: int) -> Claim | None:
    """What the run says of the first `images` images; None where it says nothing of just those.

    Of the defended network it kept the images themselves, which are shown to `target` again.
    """
    if name == DEFENDED:
        (found,) = read_arrays(context.input("attack", "adversarial.npz"), "images")
        found = found[:images]
        return Claim(float((labels(target, found) == y[: len(found)]).mean()), len(found), found)
    worst = read_json(context.input("attack", "attack.json"))["networks"][name]["worst_case"]
    return Claim(worst["accuracy"], worst["images"]) if images >= worst["images"] else None
