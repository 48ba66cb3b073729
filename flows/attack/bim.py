"""The basic iterative method: FGSM in small steps from the original (Kurakin et al. 2017, arXiv 1607.02533, 2.2)."""

from __future__ import annotations

from flows.attack.pgd import Pgd
from flows.attack.search import Progress


class Bim(Pgd):
    """PGD without random start: `steps` signed steps of `step_size` pixel units (None: epsilon / 4, at least one code,
    see `Pgd`). `backward`, `loss`, `progress`: as there. Deterministic: `seed` is recorded only."""

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        backward: str = "clipped",
        loss: str = "cross_entropy",
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(
            steps=steps,
            step_size=step_size,
            backward=backward,
            loss=loss,
            random_start=False,
            seed=seed,
            progress=progress,
        )
        self.name = self.name.replace("pgd", "bim")
