"""The audit: signs that a network hides its gradients instead of being robust.

After Athalye et al. 2018 (arXiv 1802.00420, section 3.1), Carlini et al. 2019 (arXiv 1902.06705) and Gupta and
Ajanthan 2022 (arXiv 2003.13511). Each check states what was compared, the verdict, and what it means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.gradients import ZeroGradients
from flows.errors import FlowError

SLACK = 0.05  # differences up to this share of images are called the same
MANY_ZEROS = 0.5  # share of zero pixel gradients above which the audit warns
ITERATIVE = ("pgd", "pgd-margin")


def audit(
    batches: Sequence[AdversarialBatch],
    unbounded: AdversarialBatch,
    zeros: ZeroGradients,
    settled: tuple[float, float],
    own_backward: str,
) -> dict[str, object]:
    """`zero_gradient_share` and `checks` (`name`, `value`, `verdict` pass or warn, `why`) of one network.

    `batches`: attacks at one epsilon on one set of images or on its first ones; at least fgsm, pgd with
    `own_backward` (the pass the network was trained with), uniform and square. `unbounded`: epsilon 1. `settled`:
    worst-case accuracy before and after many more restarts.
    Raises FlowError where one of them is missing.
    """
    iterative = [batch for batch in batches if batch.attack in ITERATIVE]
    own = _one([b for b in iterative if b.details["backward"] == own_backward], "pgd")
    checks = [
        _single_step(_one(batches, "fgsm"), iterative),
        _unbounded(unbounded),
        _gradient_free(_one(batches, "square"), [*iterative, _one(batches, "fgsm")]),
        _noise(_one(batches, "uniform"), iterative),
        _settled(*settled),
        _backwards(own, iterative),
        _logit_scale(iterative),
        _zero_pixels(zeros),
        _zero_images(zeros),
    ]
    checks += [_transfer(batch, iterative) for batch in batches if batch.attack == "transfer"]
    return {"zero_gradient_share": zeros.elements, "checks": [check for check in checks if check]}


def _one(batches: Sequence[AdversarialBatch], name: str) -> AdversarialBatch:
    for batch in batches:
        if batch.attack == name:
            return batch
    raise FlowError(f"audit: expected an attack {name}, got {', '.join(b.attack for b in batches) or 'none'}")


def _left(batch: AdversarialBatch, images: int | None = None) -> float:
    """Accuracy that the attack leaves on its first images."""
    return 1 - float(batch.success[:images].mean())


def _check(name: str, passed: bool, value: str, good: str, bad: str) -> dict[str, str]:
    verdict, why = ("pass", good) if passed else ("warn", bad)
    return {"name": name, "verdict": verdict, "value": value, "why": why}


def _compare(left: float, right: float) -> str:
    return f"{left:.3f} {'>=' if left >= right else '<'} {right:.3f}"


def _single_step(fgsm: AdversarialBatch, iterative: list[AdversarialBatch]) -> dict[str, str]:
    one, many = _left(fgsm), min(map(_left, iterative))
    return _check(
        "single step not stronger than iterative",
        one >= many,
        _compare(one, many),
        "Many small steps fool at least as many images as one large step, as they should where gradients point "
        "the right way.",
        "One large step fools more images than many small ones, so the small ones are led astray: the gradients "
        "mislead, and the figures of gradient attacks are too kind to this network.",
    )


def _unbounded(batch: AdversarialBatch) -> dict[str, str]:
    left = _left(batch)
    return _check(
        "unbounded attack reaches zero",
        left == 0,
        f"{left:.3f} at epsilon {batch.epsilon:g}",
        "Allowed to change every pixel at will, the attack fools every image: it works on this network.",
        "Allowed to change every pixel at will, the attack still fails on some images, which no network can truly "
        "resist: it finds no way for lack of gradients, so its figures at small budgets are too kind as well.",
    )


def _gradient_free(square: AdversarialBatch, white: list[AdversarialBatch]) -> dict[str, str]:
    n = len(square.success)
    left, known = _left(square), 1 - float(np.any([batch.success[:n] for batch in white], axis=0).mean())
    only = int(np.count_nonzero(square.success & ~np.any([batch.success[:n] for batch in white], axis=0)))
    return _check(
        "gradient-free not stronger than white-box",
        left >= known,
        f"{_compare(left, known)}, {only} images only by square",
        "An attack that sees scores only, no gradients, fools no more images than those that follow gradients.",
        "An attack that sees scores only fools more images than those that follow gradients, although it knows less: "
        "the gradients hide what the network does. The worst case counts both.",
    )


def _noise(uniform: AdversarialBatch, iterative: list[AdversarialBatch]) -> dict[str, str]:
    noise, many = _left(uniform), min(map(_left, iterative))
    return _check(
        "noise not stronger than iterative",
        noise >= many,
        _compare(noise, many),
        "Random noise fools no more images than following the gradient.",
        "Random noise fools more images than following the gradient: the gradient is worse than useless here.",
    )


def _settled(before: float, after: float) -> dict[str, str]:
    return _check(
        "more restarts change little",
        before - after <= SLACK,
        f"{before:.3f}, then {after:.3f}",
        "Searching what survived many times longer fools few further images: the worst case is close to final.",
        "Searching what survived many times longer fools clearly more images: the network is only hard to search, and "
        "a patient attacker would find more than the worst case shows. Raise attack.pgd_restarts and attack.pgd_steps.",
    )


def _backwards(own: AdversarialBatch, iterative: list[AdversarialBatch]) -> dict[str, str] | None:
    others = {str(b.details["backward"]): _left(b) for b in iterative if b.attack == own.attack and b is not own}
    if not others:
        return None
    name = min(others, key=others.__getitem__)
    mine, best = _left(own), others[name]
    return _check(
        "backward passes agree",
        best >= mine - SLACK,
        f"{own.details['backward']} {mine:.3f}, strongest other {name} {best:.3f}",
        "Replacing the quantizers' gradient by other smooth ones does not make the attack clearly stronger: the "
        "gradient that the network was trained with is one an attacker can follow.",
        "With another gradient in place of the quantizers' own the attack fools clearly more images: the network's "
        "own gradient hides part of the way. The worst case counts all of them.",
    )


def _logit_scale(iterative: list[AdversarialBatch]) -> dict[str, str] | None:
    margin = next((b for b in iterative if b.attack == "pgd-margin"), None)
    if margin is None:
        return None
    same = [b for b in iterative if b.attack == "pgd" and b.details["backward"] == margin.details["backward"]]
    entropy, left = _left(_one(same, "pgd")), _left(margin)
    return _check(
        "size of the logits does not hide the gradient",
        left >= entropy - SLACK,
        f"margin {left:.3f}, cross entropy {entropy:.3f}",
        "An attack that ignores how large the scores are finds no clearly easier way, so large scores are not what "
        "makes the gradient fade.",
        "An attack that ignores how large the scores are fools clearly more images: large scores make the gradient "
        "of the usual loss fade, which looks like robustness and is none. The worst case counts both.",
    )


def _zero_pixels(zeros: ZeroGradients) -> dict[str, str]:
    return _check(
        "most pixels have a gradient",
        zeros.elements <= MANY_ZEROS,
        f"{zeros.elements:.3f} of pixel gradients are exactly zero",
        "Most pixels tell the attacker which way to push.",
        "Most pixels tell the attacker nothing: quantizers stop their gradient. Trust the score-only and replaced-"
        "gradient attacks more than the others here.",
    )


def _zero_images(zeros: ZeroGradients) -> dict[str, str]:
    return _check(
        "every image has a gradient",
        zeros.images <= SLACK,
        f"{zeros.images:.3f} of images have no gradient at all",
        "Nearly every image gives an attacker who follows gradients something to start from.",
        "On these images an attack that follows the network's own gradient cannot even start, so surviving it "
        "proves nothing. Large scores (the loss is exactly flat) or saturated quantizers do this.",
    )


def _transfer(batch: AdversarialBatch, iterative: list[AdversarialBatch]) -> dict[str, str]:
    left, many = _left(batch), min(map(_left, iterative))
    return _check(
        f"transfer from {batch.details['source']} not stronger than iterative",
        left >= many,
        _compare(left, many),
        "Images made to fool another network fool this one less often than images made for it.",
        "Images made to fool another network fool this one more often than images made for it: this network's own "
        "gradients hide the way.",
    )
