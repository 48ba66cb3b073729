"""The evenly spaced values that a quantizer can give, as integers and a unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Levels:
    """Values `step * count + lowest` for count = 0..top.

    `lowest` is 0 (unsigned) or `-top * step / 2` (symmetric around zero); nothing else occurs in these networks.
    """

    step: float
    lowest: float
    top: int

    @property
    def unit(self) -> float:
        """The largest number of which every level is an integer multiple (symmetric levels: odd multiples or even)."""
        return self.step if self.lowest == 0 else self.step / 2

    @property
    def magnitude(self) -> int:
        """Largest |level| in units; it is `top` for both kinds."""
        return self.top
