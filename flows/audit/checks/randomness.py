"""A network that answers at random."""

from __future__ import annotations

import dataclasses

from flows.audit.check import SLACK, Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About, Verdict

RULE = Rule(
    "the same image gives the same answer",
    About.WORST_CASE,
    "Asked again, the network gives the same scores, so a found image stays found.",
    "Asked again, the network gives other scores: the gradient of one draw is not the network's, attacks chase noise, "
    "and an image that fails one draw may pass the next. All attacks here were run on the mean over draws (expectation "
    "over transformation); the figure is that of the mean, not of the network as it answers once.",
    "Ship and attack the mean over draws, or report the share of draws that stay right; never count single draws.",
    warn=0.0,
    fail=SLACK,
)


def check(evidence: Evidence) -> Check:
    """Warns where scores move, fails where the class of more than 1 in 20 images does."""
    seen = evidence.repeats
    value = f"{seen.scores:.3f} of images change scores, {seen.classes:.3f} their class, in {seen.draws} draws"
    made = RULE.apply(seen.classes, seen.images, value)
    if made.verdict is Verdict.PASS and seen.scores > 0:
        return dataclasses.replace(made, verdict=Verdict.WARN, why=RULE.bad, advice=RULE.advice)
    return made
