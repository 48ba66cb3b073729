"""Our white-box attacks against those of ART and foolbox: PGD-20 images a second, and the success of each kind.

python -m benchmarks.attack [--images 256] [--repeats 5] [--out FILE]

Speed is CPU time on one float network, all three in one process on the same threads, the best of `--repeats` rounds in
which they take turns. Each gets the batch size that suits it best among BATCHES; ours has its own. `equal_work`: no
image leaves early, so that all three do steps + 1 forward and steps backward passes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import foolbox
import numpy as np
import torch
from art.attacks.evasion import ProjectedGradientDescentPyTorch
from art.estimators.classification import PyTorchClassifier

from benchmarks.lenet import mnist, trained
from benchmarks.record import emit
from benchmarks.strength import strength
from flows import environment
from flows.attack.pgd import Pgd
from flows.targets.torch_target import TorchTarget

CODES, STEP, STEPS = 25, 0.01, 20
BATCHES = (32, 64, 128, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", help="a file for the JSON, besides standard output")
    options = parser.parse_args()
    torch.set_num_threads(environment.threads())
    data = mnist()
    network = trained(data)
    x, y = data.test_x[: options.images], data.test_y[: options.images]
    record = {
        "images": len(x),
        "threads": environment.threads(),
        "speed": speed(network, x, y, options.repeats),
        "strength": strength(network, x, y),
    }
    emit(record, options.out)


def speed(network: torch.nn.Module, x: np.ndarray, y: np.ndarray, repeats: int) -> dict[str, object]:
    """Images a second of PGD-20 and ratios, at epsilon 25/255, where some images stand, and 76/255, where none do."""
    rates = {"equal_work": _race(network, x, y, repeats, CODES, early_exit=False)}
    rates["early_exit"] = _race(network, x, y, repeats, CODES, early_exit=True)
    rates["early_exit_epsilon_76"] = _race(network, x, y, repeats, 76, early_exit=True)
    return {"attack": f"PGD-{STEPS}, L-infinity, step {STEP}", "unit": "images per CPU second", **rates}


def _race(
    network: torch.nn.Module, x: np.ndarray, y: np.ndarray, repeats: int, codes: int, *, early_exit: bool
) -> dict[str, float]:
    target = TorchTarget(network, None)
    pixels, epsilon = (x / np.float32(255)).astype(np.float32), codes / 255
    ours = Pgd(steps=STEPS, step_size=STEP, early_exit=early_exit)
    runners = {"ours": lambda: ours(target, x, y, epsilon)}
    for batch in BATCHES:
        runners[f"art {batch}"] = _art(network, pixels, y, epsilon, batch)
        runners[f"foolbox {batch}"] = _foolbox(network, pixels, y, epsilon, batch)
    best = dict.fromkeys(runners, np.inf)
    for _ in range(repeats):
        for name, run in runners.items():
            started = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - started)
    rates = {}
    for kind in ("ours", "art", "foolbox"):
        seconds, name = min((seconds, name) for name, seconds in best.items() if name.split()[0] == kind)
        rates[kind] = round(len(x) / seconds, 1)
        if kind != "ours":
            rates[f"{kind}_batch"] = int(name.split()[1])
    rates["ratio_to_art"] = round(rates["ours"] / rates["art"], 2)
    rates["ratio_to_foolbox"] = round(rates["ours"] / rates["foolbox"], 2)
    return rates


def _art(
    network: torch.nn.Module, pixels: np.ndarray, y: np.ndarray, epsilon: float, batch: int
) -> Callable[[], object]:
    classifier = PyTorchClassifier(
        network, torch.nn.CrossEntropyLoss(), pixels.shape[1:], 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = ProjectedGradientDescentPyTorch(
        classifier, eps=epsilon, eps_step=STEP, max_iter=STEPS, num_random_init=1, batch_size=batch, verbose=False
    )
    return lambda: classifier.predict(attack.generate(pixels, y), batch_size=batch)


def _foolbox(
    network: torch.nn.Module, pixels: np.ndarray, y: np.ndarray, epsilon: float, batch: int
) -> Callable[[], object]:
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfProjectedGradientDescentAttack(abs_stepsize=STEP, steps=STEPS)
    images, classes = torch.from_numpy(pixels), torch.from_numpy(y)

    def run() -> None:
        for part in torch.arange(len(images)).split(batch):
            attack(model, images[part], classes[part], epsilons=epsilon)

    return run


if __name__ == "__main__":
    main()
