"""Attacks without gradients must not see more than those that have them."""

from __future__ import annotations

from flows.audit.check import LARGE, Check, Rule
from flows.audit.evidence import Evidence, fooled, left, only
from flows.audit.verdict import About

RULE = Rule(
    "gradient-free not stronger than white-box",
    About.WORST_CASE,
    "Attacks that see scores only fool hardly an image that those that follow gradients do not.",
    "An attack that sees scores only fools images that no gradient attack finds, although it knows less: no gradient "
    "that was tried shows what the network does. The worst case counts both, but rests on a weaker search there.",
    "Give the gradient-free attack more queries on more images, and look for a backward pass that finds these images.",
    fail=LARGE,
)


def check(evidence: Evidence) -> Check:
    """The gradient-free attack that found most beyond all gradient attacks, on the images that it was tried on."""
    white = evidence.white_box
    batch = max(evidence.gradient_free or [evidence.one("square")], key=lambda one: only(one, white))
    n, new = len(batch.success), only(batch, white)
    known = 1 - float(fooled(white, n).mean())
    value = f"{batch.attack} {left([batch], n):.3f}, white-box {known:.3f}; {round(new * n)} of {n} images only by it"
    return RULE.apply(new, n, value)
