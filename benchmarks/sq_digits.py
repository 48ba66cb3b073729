"""Stochastic quantization ensembles against their twins on the 8x8 digits, small enough for one core.

    python -m benchmarks.sq_digits [--epochs 24] [--images 100] [--only NAME...]

Trains what the preset digits-sq names and the alternatives to it: floating point, plain quantization, that with
adversarial training, the ensemble without and with diversity, and with adversarial training. Every network is attacked
with FGSM, PGD, EOT-PGD (20 draws) and with what fooled the others; an image is lost where any of it fools the majority
of 51 draws. Writes rows for docs/robustness.md, and the ensembles' own figures. What is trained stays in --work.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from brevitas_models.config import Activation, Answer, DefenceConfig, ModelConfig
from brevitas_models.data import load
from brevitas_models.deploy import deploy
from brevitas_models.export import logit_scale
from brevitas_models.train import train
from flows.attack.eot_pgd import EotPgd
from flows.attack.evaluation import Subject
from flows.attack.fgsm import Fgsm
from flows.attack.majority import Majority
from flows.attack.pgd import Pgd
from flows.config import Config, load_preset
from flows.ensemble.run import Effort, measure
from flows.report.information_plane import draw
from flows.report.robustness import FLOAT_BITS
from flows.report.summary import write_whole
from flows.stages.subjects import title
from flows.targets.torch_target import TorchTarget

STEPS, RESTARTS, DRAWS = 20, 3, 51


def recipes(config: Config) -> dict[str, ModelConfig]:
    """Name in the table -> what is trained."""
    ensemble = config.model()
    none = dataclasses.replace(ensemble.defence, adversarial=0.0, diversity=0.0)
    single = dataclasses.replace(ensemble.quant, members=(), answer=Answer.SUM, activation=Activation.RELU)
    real = dataclasses.replace(single, activation=Activation.FLOAT)
    trained = dataclasses.replace(ensemble.defence, diversity=0.0)

    def recipe(quant: object, defence: DefenceConfig) -> ModelConfig:
        return dataclasses.replace(ensemble, quant=quant, defence=defence)

    return {
        "float": recipe(real, none),
        "quantized": recipe(single, none),
        "sq": recipe(ensemble.quant, dataclasses.replace(ensemble.defence, adversarial=0.0)),
        "sq-without-diversity": recipe(ensemble.quant, none),
        "at": recipe(single, trained),
        "sq+at": ensemble,
    }


def trained(name: str, recipe: ModelConfig, split: object, work: Path) -> Subject:
    """The network as it is shipped; what is there already is not trained again."""

    def say(epoch: int, line: dict[str, object]) -> None:
        print(f"{name}: epoch {epoch + 1}, test accuracy {line['test_accuracy']:.3f}", flush=True)

    network = deploy(train(recipe, split, work / name, say), recipe.seed)
    scale = None if recipe.quant.activation is Activation.FLOAT else logit_scale(network)
    bits = recipe.quant.members or None
    return Subject(TorchTarget(network, scale), title(recipe), bits, bits)


def attacked(subject: Subject, x: np.ndarray, y: np.ndarray, epsilon: float, seed: int, noisy: bool) -> dict:
    """What each attack found: name -> uint8 images (the original where it failed)."""
    attacks: dict[str, Callable] = {
        "fgsm": Fgsm(seed=seed),
        "pgd": Pgd(steps=STEPS, restarts=RESTARTS, seed=seed),
        "pgd-margin": Pgd(steps=STEPS, restarts=RESTARTS, loss="margin", seed=seed),
    }
    if noisy:
        attacks["eot-pgd"] = EotPgd(steps=STEPS, seed=seed)
    return {name: attack(subject.target, x, y, epsilon).images for name, attack in attacks.items()}


def row(name: str, recipe: ModelConfig, config: Config, survived: dict[str, np.ndarray], command: str) -> dict:
    """One row of `results/robustness.json`; `survived`: bool per image of each attack, of clean ones, and of all."""
    real = recipe.quant.activation is Activation.FLOAT
    bits = list(recipe.quant.members) or None
    shares = {key: float(value.mean()) for key, value in survived.items()}
    return {
        "run": f"sq-digits-{name}",
        "dataset": "digits",
        "network": config.network.architecture.value,
        "defence": name.replace("-without-diversity", ""),
        "objective": "pgd" if recipe.defence.adversarial else None,
        "weight_bits": FLOAT_BITS if real else bits or recipe.quant.weight_bits,
        "activation_bits": FLOAT_BITS if real else bits or recipe.quant.activation_bits,
        "diversity": recipe.defence.diversity,
        "epsilon": config.attack.epsilon,
        "images": len(survived["all"]),
        "test_images": len(survived["clean"]),
        "train_images": 0,
        "epochs": recipe.train.epochs,
        "seed": recipe.seed,
        "clean": shares["clean"],
        "fgsm": shares["fgsm"],
        "pgd": min(shares["pgd"], shares["pgd-margin"]),
        "eot_pgd": shares.get("eot-pgd"),
        "own_gradient": shares["pgd"],
        "worst_case": shares["all"],
        "audit": "not audited",
        "audited": False,
        "command": command,
        "twin_of": None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--only", nargs="+", default=[], help="names of the networks, all by default")
    parser.add_argument("--work", type=Path, default=Path("runs/sq-digits"))
    parser.add_argument("--to", type=Path, default=Path("results"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    preset = load_preset("digits-sq")
    config = dataclasses.replace(preset, train=dataclasses.replace(preset.train, epochs=given.epochs))
    command = f"python -m benchmarks.sq_digits --epochs {given.epochs} --images {given.images}"
    command += f" --only {' '.join(given.only)}" if given.only else ""
    split, epsilon = load(config.data), config.attack.epsilon
    x, y = split.test_x[: given.images], split.test_y[: given.images]
    todo = {name: recipe for name, recipe in recipes(config).items() if not given.only or name in given.only}
    subjects = {name: trained(name, recipe, split, given.work) for name, recipe in todo.items()}
    found = {}
    for name, subject in subjects.items():
        print(f"{name}: attacks", flush=True)
        torch.manual_seed(config.seed)
        found[name] = attacked(subject, x, y, epsilon, config.seed, todo[name].quant.activation is Activation.SQ)
    rows, records = [], []
    for name, subject in subjects.items():
        torch.manual_seed(config.seed)
        noisy = todo[name].quant.activation is Activation.SQ
        judge = Majority(DRAWS if noisy else 1)
        survived = {"clean": ~judge(subject.target, split.test_x, split.test_y)[0]}
        survived |= {key: ~judge(subject.target, images, y)[0] for key, images in found[name].items()}
        survived["all"] = survived["clean"][: given.images].copy()
        for images in (images for sets in found.values() for images in sets.values()):
            survived["all"] &= ~judge(subject.target, images, y)[0]
        rows.append(row(name, todo[name], config, survived, command))
        print(name, {key: round(float(value.mean()), 3) for key, value in survived.items()}, flush=True)
    (given.to / "robustness").mkdir(parents=True, exist_ok=True)
    write_whole(given.to / "robustness" / "sq-digits.json", json.dumps(rows, indent=1) + "\n")
    effort = Effort(given.images, STEPS, 20)
    for name in (name for name in todo if todo[name].quant.members):
        record = measure(subjects[name], split.test_x, split.test_y, config.attack, effort, config.seed, print)
        records.append({"name": name} | record)
        print(name, json.dumps(record["answers"]), json.dumps(record["detection"]), flush=True)
    (given.to / "ensembles").mkdir(parents=True, exist_ok=True)
    text = json.dumps({"command": command, "ensembles": records}, indent=1)
    write_whole(given.to / "ensembles" / "digits-sq.json", text + "\n")
    write_whole(given.to / "ensembles" / "digits-sq.svg", draw(records))


if __name__ == "__main__":
    main()
