"""One named check, graded by the share of images that speak against the figure."""

from __future__ import annotations

from dataclasses import dataclass

from flows.attack.criteria import wilson
from flows.audit.verdict import About, Verdict

SLACK = 0.05  # up to this share of images, two attacks are called equally strong
LARGE = 0.15  # a search that misses more than this share did not find what is there


@dataclass(frozen=True, slots=True)
class Check:
    """`share`: 0..1, of `samples` images (or probes), those that speak against the figure. `value`: what was
    compared, in figures. `why`: what it means. `advice`: what to do, "" where the check passed."""

    name: str
    about: About
    verdict: Verdict
    share: float
    samples: int
    value: str
    why: str
    advice: str

    def record(self) -> dict[str, object]:
        """JSON-able; with the Wilson 95 % interval of the share."""
        low, high = wilson(round(self.share * self.samples), self.samples)
        return {
            "name": self.name,
            "about": self.about.value,
            "verdict": self.verdict.value,
            "value": self.value,
            "share": self.share,
            "low": min(low, self.share),
            "high": max(high, self.share),
            "images": self.samples,
            "why": self.why,
            "do": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A check before it is applied. Above `warn` it warns, above `fail` (None: never) it fails.

    `good`, `bad`: why, where it passes and where not.
    """

    name: str
    about: About
    good: str
    bad: str
    advice: str
    warn: float = SLACK
    fail: float | None = None

    def apply(self, share: float, samples: int, value: str) -> Check:
        """`share`: 0..1 of `samples`, at least one. Negative shares (nothing missed, and more) count as 0."""
        share = max(0.0, float(share))
        verdict = Verdict.PASS
        if share > self.warn + 1e-9:
            verdict = Verdict.WARN
        if self.fail is not None and share > self.fail + 1e-9:
            verdict = Verdict.FAIL
        passed = verdict is Verdict.PASS
        why, advice = (self.good, "") if passed else (self.bad, self.advice)
        return Check(self.name, self.about, verdict, share, samples, value, why, advice)
