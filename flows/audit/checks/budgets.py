"""What a budget allows, a larger one allows too."""

from __future__ import annotations

from itertools import pairwise

from flows.audit.check import LARGE, Check, Rule
from flows.audit.evidence import Evidence
from flows.audit.verdict import About

RULE = Rule(
    "a larger budget fools what a smaller one does",
    About.WORST_CASE,
    "Attacked anew at every budget, nearly every image fooled at one is fooled at the next larger one.",
    "Attacked anew at a larger budget, the attack loses images that it fooled within a smaller one, whose changes it "
    "could have used: it depends on luck or on its step, not on what the network allows.",
    "More restarts and steps at every budget; count what smaller budgets found for the larger ones.",
    fail=LARGE,
)


def check(evidence: Evidence) -> Check | None:
    """Needs independent attacks at two budgets at least, on the same images."""
    rising = sorted(evidence.budgets, key=lambda batch: batch.epsilon)
    if len(rising) < 2:
        return None
    lost = max(float((small.success & ~large.success).mean()) for small, large in pairwise(rising))
    curve = ", ".join(f"{1 - batch.success.mean():.3f} at {batch.epsilon:g}" for batch in rising)
    return RULE.apply(lost, len(rising[0].success), curve)
