"""What the checks look at: the attacks on one network, and a few measurements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flows.attack.batch import AdversarialBatch
from flows.attack.gradients import ZeroGradients
from flows.audit.measures.agreement import Agreement
from flows.audit.measures.repeats import Repeats
from flows.errors import FlowError

OWN_BACKWARD = "clipped"  # the pass a network is trained with
SINGLE_STEP = ("fgsm", "r-fgsm")
OWN_ATTACKS = (*SINGLE_STEP, "bim", "pgd", "apgd-ce")  # with the ordinary loss as it is
NOISE = "uniform"


@dataclass(frozen=True, slots=True)
class Evidence:
    """`batches`: attacks at one epsilon on one set of images, or on its first ones. `unbounded`: epsilon 1, from the
    image itself. `zeros`: of the own gradient. `settled`: worst-case accuracy before and after many more steps and
    restarts. `budgets`: independent attacks at rising epsilons. `claimed`: worst-case accuracy on record from an
    earlier evaluation of the same images, `found`: now, of those."""

    batches: tuple[AdversarialBatch, ...]
    unbounded: AdversarialBatch
    zeros: ZeroGradients
    settled: tuple[float, float]
    repeats: Repeats
    agreement: Agreement
    budgets: tuple[AdversarialBatch, ...] = ()
    claimed: float | None = None
    found: float | None = None

    @property
    def images(self) -> int:
        return max(len(batch.success) for batch in self.batches)

    @property
    def white_box(self) -> list[AdversarialBatch]:
        """Those that follow gradients, through whatever backward pass."""
        return [batch for batch in self.batches if "backward" in batch.details]

    @property
    def own(self) -> list[AdversarialBatch]:
        """Those that follow the network's own gradient of the ordinary loss."""
        return [batch for batch in self.white_box if is_own(batch)]

    @property
    def gradient_free(self) -> list[AdversarialBatch]:
        """Those that see scores or classes only; neither noise nor transfer."""
        others = [batch for batch in self.batches if "backward" not in batch.details and "source" not in batch.details]
        return [batch for batch in others if batch.attack != NOISE]

    @property
    def transfers(self) -> list[AdversarialBatch]:
        return [batch for batch in self.batches if "source" in batch.details]

    def one(self, name: str) -> AdversarialBatch:
        """The first attack of that name. Raises FlowError where there is none."""
        for batch in self.batches:
            if batch.attack == name:
                return batch
        raise FlowError(f"audit: expected an attack {name}, got {', '.join(b.attack for b in self.batches) or 'none'}")


def is_own(batch: AdversarialBatch) -> bool:
    """Whether a gradient attack follows the network's own gradient of the ordinary loss."""
    return batch.details["backward"] == OWN_BACKWARD and batch.attack in OWN_ATTACKS


def fooled(batches: Iterable[AdversarialBatch], images: int) -> np.ndarray:
    """bool (images,): fooled by at least one of the attacks, of the first images; attacks on fewer count there."""
    result = np.zeros(images, bool)
    for batch in batches:
        part = batch.success[:images]
        result[: len(part)] |= part
    return result


def left(batches: Iterable[AdversarialBatch], images: int) -> float:
    """Accuracy that the attacks together leave on the first images."""
    return 1 - float(fooled(batches, images).mean())


def only(batch: AdversarialBatch, others: Iterable[AdversarialBatch]) -> float:
    """Share of the images of `batch` that it fooled and none of the others did."""
    n = len(batch.success)
    return float((batch.success & ~fooled(others, n)).mean())
