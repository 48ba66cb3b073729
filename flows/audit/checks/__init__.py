"""The checklist: one check per file, `check(evidence) -> Check | None`, None where there is nothing to compare.

After Athalye et al. 2018 (arXiv 1802.00420, section 3.1), Carlini et al. 2019 (arXiv 1902.06705), Gupta and Ajanthan
2022 (arXiv 2003.13511) and the flags of AutoAttack (Croce and Hein 2020, arXiv 2003.01690).
"""

from __future__ import annotations

from collections.abc import Callable

from flows.audit.check import Check
from flows.audit.checks import (
    agreement,
    backward,
    budgets,
    claimed,
    gradient_free,
    logit_scale,
    noise,
    randomness,
    settled,
    single_step,
    transfer,
    unbounded,
    zero_images,
    zero_pixels,
)
from flows.audit.evidence import Evidence

CHECKS: tuple[Callable[[Evidence], Check | None], ...] = (
    zero_images.check,
    zero_pixels.check,
    agreement.check,
    single_step.check,
    backward.check,
    logit_scale.check,
    randomness.check,
    unbounded.check,
    settled.check,
    gradient_free.check,
    transfer.check,
    noise.check,
    budgets.check,
    claimed.check,
)
