"""Our black-box attacks against those of ART and foolbox, at the queries that theirs took.

`python -m benchmarks.black_box` prints JSON: a perceptron on the digits, images that it reads right, and for each pair
the mean queries of theirs, and the share of images fooled within epsilon by both (re-checked on the 8-bit grid).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from art.attacks import evasion
from sklearn.datasets import load_digits
from torch import nn

from benchmarks.record import emit
from flows.adapters.foolbox_model import foolbox
from flows.adapters.toolbox_attack import ArtAttack, FoolboxAttack, ToolboxAttack
from flows.attack.common import labels
from flows.attack.registry import build
from flows.targets.torch_target import TorchTarget, to_pixels

IMAGES, TRAIN = 50, 1400


def digits() -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    """A trained perceptron, and IMAGES test images, uint8 (N, 1, 8, 8), with classes, all of which it reads right."""
    pixels, y = load_digits(return_X_y=True)
    x = np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer, train_y = torch.optim.Adam(network.parameters(), 1e-2), torch.from_numpy(y[:TRAIN].astype(np.int64))
    for _ in range(150):
        loss = nn.functional.cross_entropy(network(to_pixels(x[:TRAIN])), train_y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = TRAIN + np.flatnonzero(labels(TorchTarget(network, None), x[TRAIN:]) == y[TRAIN:])[:IMAGES]
    return network, x[right], y[right].astype(np.int64)


def _art(kind: str, **values: object) -> Callable[[object, float], object]:
    def make(classifier: object, epsilon: float) -> object:
        given = {"eps": epsilon} if kind == "SquareAttack" else {}
        return getattr(evasion, kind)(classifier, verbose=False, **given, **values)

    return make


def pairs() -> list[tuple[str, dict[str, object], ToolboxAttack, float]]:
    """Our attack and its parameters, theirs, epsilon."""
    l2 = {"norm": "l2"}
    zoo = {"use_resize": False, "use_importance": False, "variable_h": 0.2, "learning_rate": 0.1, "nb_parallel": 16}
    jump, fb = {"norm": 2, "max_eval": 1000}, foolbox.attacks
    return [
        ("square", {}, ArtAttack("art Square", _art("SquareAttack", max_iter=100, nb_restarts=1)), 0.1),
        ("zoo", {}, ArtAttack("art Zoo", _art("ZooAttack", max_iter=15, initial_const=10.0, **zoo)), 0.15),
        ("hop-skip-jump", l2, ArtAttack("art HSJ", _art("HopSkipJump", max_iter=5, init_eval=10, **jump), **l2), 0.6),
        ("hop-skip-jump", l2, ArtAttack("art HSJ", _art("HopSkipJump", max_iter=15, init_eval=40, **jump), **l2), 0.6),
        ("hop-skip-jump", l2, FoolboxAttack("foolbox HSJ", fb.HopSkipJumpAttack(None, 6, 40), **l2), 0.6),
        ("boundary", l2, FoolboxAttack("foolbox Boundary", fb.BoundaryAttack(steps=500), **l2), 0.6),
        ("boundary", l2, FoolboxAttack("foolbox Boundary", fb.BoundaryAttack(steps=2000), **l2), 0.6),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="a file for the JSON, too")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    network, x, y = digits()
    rows = []
    for name, values, theirs, epsilon in pairs():
        started = time.perf_counter()
        other = theirs(TorchTarget(network, None), x, y, epsilon)
        middle, queries = time.perf_counter(), int(other.queries.mean())
        ours = build(name, {"queries": queries, **values})(TorchTarget(network, None), x, y, epsilon)
        rows.append(
            {
                "ours": name,
                "theirs": theirs.name,
                "norm": other.norm,
                "epsilon": epsilon,
                "queries": queries,
                "fooled": float(ours.success.mean()),
                "fooled_by_theirs": float(other.success.mean()),
                "our_mean_queries": float(ours.queries.mean()),
                "time_ratio": (middle - started) / (time.perf_counter() - middle),
            }
        )
    emit({"images": len(x), "rows": rows}, out)


if __name__ == "__main__":
    main()
