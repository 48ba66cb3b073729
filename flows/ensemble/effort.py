"""How hard `holdfast ensemble` looks. No torch: the command line shows its defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """`images`: test images attacked, the first ones. `steps`, `draws`: of the attacks."""

    images: int = 200
    steps: int = 20
    draws: int = 20
