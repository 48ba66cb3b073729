"""Images whose gradient is exactly zero at every pixel."""

from __future__ import annotations

from flows.audit.check import SLACK, Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "every image has a gradient",
    About.GRADIENT,
    "Nearly every image gives an attacker who follows gradients something to start from.",
    "On these images an attack that follows the network's own gradient cannot even start, so surviving it proves "
    "nothing. Activations without a slope, saturated quantizers or very large scores (the loss is exactly flat) do "
    "this.",
    "Attack a copy with a smooth backward pass or smaller scores, transfer from a twin, or search without gradients; "
    "quote no figure of a gradient attack.",
    warn=SLACK,
    fail=0.5,
)


def check(evidence: Evidence) -> Check:
    share = evidence.zeros.images
    return RULE.apply(share, evidence.images, f"{share:.3f} of images have no gradient at all")
