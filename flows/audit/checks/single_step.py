"""One large step must not do what many small ones cannot."""

from __future__ import annotations

from flows.audit.check import Check, Rule
from flows.audit.evidence import SINGLE_STEP, Evidence, left, only
from flows.audit.verdict import About

RULE = Rule(
    "single step not stronger than iterative",
    About.GRADIENT,
    "Many small steps fool what one large step fools, as they should where gradients point the right way.",
    "One large step fools images that many small ones do not, so the small ones are led astray: the gradients "
    "mislead, and the figures of gradient attacks are too kind to this network.",
    "Look at the loss along the gradient; use larger steps, more restarts, another backward pass.",
)


def check(evidence: Evidence) -> Check:
    """Through the own backward pass, image by image."""
    many = [batch for batch in evidence.own if batch.attack not in SINGLE_STEP]
    one = evidence.one("fgsm")
    n = len(one.success)
    value = f"{left([one], n):.3f} after one step, {left(many, n):.3f} after many"
    return RULE.apply(only(one, many), n, value)
