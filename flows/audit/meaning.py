"""What the verdicts mean, in plain words; pages and tables quote it."""

from __future__ import annotations

from flows.audit.verdict import Overall

MEANING = {
    Overall.SOUND: "No check found a sign that the attacks failed where an attacker would not. The worst case is still "
    "an upper bound of the true robustness, no proof.",
    Overall.SUSPICIOUS: "Some check found a sign that gradients are hidden or that the search had not ended. The worst "
    "case counts the ways around that were tried; read the warnings before quoting it.",
    Overall.MASKED: "The attacks did not find what is there. The figure says how hard this network is to search, not "
    "how robust it is; do not quote it.",
}
