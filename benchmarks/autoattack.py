"""The worst case of our attacks against AutoAttack's (Croce and Hein 2020, the authors' code), on one float network.

Needs `pip install --no-deps pyautoattack==0.2.0`, which no other command does.
python -m benchmarks.autoattack [--images 1000] [--epsilon 0.1] [--out FILE]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from pyautoattack import AutoAttack

from benchmarks.lenet import mnist, trained
from benchmarks.record import emit
from flows import environment
from flows.attack.batch import grid_epsilon
from flows.attack.common import labels
from flows.attack.criteria import accuracy
from flows.attack.registry import build
from flows.attack.worst_case import WorstCase
from flows.targets.torch_target import TorchTarget

#: AutoAttack's own four kinds, and PGD with restarts; each attacks what the ones before it left.
SUITE = (
    ("apgd-ce", {"restarts": 5}),
    ("apgd-dlr", {"restarts": 5}),
    ("apgd-t", {}),
    ("pgd", {"restarts": 5, "loss": "margin"}),
    ("deepfool", {}),
    ("square", {"queries": 5000}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--epsilon", type=float, default=0.1, help="L-infinity, pixel units")
    parser.add_argument("--out", help="a file for the JSON, besides standard output")
    options = parser.parse_args()
    torch.set_num_threads(environment.threads())
    data = mnist()
    target = TorchTarget(trained(data), None)
    x, y = data.test_x[: options.images], data.test_y[: options.images]
    record = {
        "images": len(x),
        "epsilon_codes": grid_epsilon(options.epsilon),
        "threads": environment.threads(),
        "clean": accuracy(labels(target, x) == y),
        "ours": ours(target, x, y, options.epsilon),
        "autoattack": theirs(target, x, y, grid_epsilon(options.epsilon)),
    }
    mine, other = record["ours"]["accuracy"], record["autoattack"]
    record["ours_no_higher"] = mine <= min(other["accuracy"], other["off_grid"])
    emit(record, options.out)


def ours(target: TorchTarget, x: np.ndarray, y: np.ndarray, epsilon: float) -> dict[str, object]:
    """Worst-case accuracy over SUITE, and how many images each attack was the first to fool."""
    worst, first, started = WorstCase(x), {}, time.process_time()
    for name, values in SUITE:
        left = np.flatnonzero(~worst.fooled)
        if len(left):
            worst.add(build(name, values)(target, x[left], y[left], epsilon), left)
        first[name] = len(left) - int(np.count_nonzero(~worst.fooled))
    return {**accuracy(~worst.fooled), "first_to_fool": first, "cpu_seconds": time.process_time() - started}


def theirs(target: TorchTarget, x: np.ndarray, y: np.ndarray, codes: int) -> dict[str, object]:
    """Accuracy under AutoAttack: of its images rounded to the grid, and (`off_grid`) as they come."""
    started = time.process_time()
    attack = AutoAttack(target.module, norm="Linf", eps=codes / 255, seed=0, version="standard")
    found, _ = attack.run_standard_evaluation(
        torch.from_numpy(x.astype(np.float32) / 255), torch.from_numpy(y), batch_size=250
    )
    seconds = time.process_time() - started
    original = x.astype(np.int16)
    low, high = np.maximum(original - codes, 0), np.minimum(original + codes, 255)
    on_grid = np.clip(np.rint(found.numpy() * 255), low, high).astype(np.uint8)
    with torch.no_grad():
        loose = target.module(found).argmax(dim=1).numpy() == y
    return {**accuracy(labels(target, on_grid) == y), "off_grid": float(loose.mean()), "cpu_seconds": seconds}


if __name__ == "__main__":
    main()
