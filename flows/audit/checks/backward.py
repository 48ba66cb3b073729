"""Other gradients in place of the quantizers' own."""

from __future__ import annotations

from flows.audit.check import Check, Rule
from flows.audit.evidence import OWN_BACKWARD, Evidence, left
from flows.audit.verdict import About

RULE = Rule(
    "backward passes agree",
    About.GRADIENT,
    "Replacing the quantizers' gradient by other smooth ones does not make the attack clearly stronger: the gradient "
    "that the network was trained with is one an attacker can follow.",
    "With another gradient in place of the quantizers' own the attack fools clearly more images: the network's own "
    "gradient hides part of the way. The worst case counts all of them.",
    "Never quote the figure of the own backward pass; keep the strongest one in every later attack.",
)


def check(evidence: Evidence) -> Check | None:
    """The same attack, `pgd`, with the same effort through each pass: the strongest other against the own one."""
    by_pass = {str(batch.details["backward"]): batch for batch in evidence.white_box if batch.attack == "pgd"}
    own = by_pass.pop(OWN_BACKWARD, None)
    if own is None or not by_pass:
        return None
    n = len(own.success)
    name = min(by_pass, key=lambda key: left([by_pass[key]], n))
    mine, best = left([own], n), left([by_pass[name]], n)
    return RULE.apply(mine - best, n, f"{OWN_BACKWARD} {mine:.3f}, strongest other {name} {best:.3f}")
