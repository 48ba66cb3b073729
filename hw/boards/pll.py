"""Divider settings of the ECP5's clock generator (EHXPLLL).

Limits: Lattice FPGA-DS-02012 (ECP5 family data sheet), sysCLOCK PLL timing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hw.errors import HardwareError

MIN_PHASE_DETECTOR_MHZ = 10
MIN_VCO_MHZ, MAX_VCO_MHZ = 400, 800
MIN_OUTPUT_MHZ, MAX_OUTPUT_MHZ = Fraction(25, 8), 400
MAX_DIVIDER = 128
# Beyond this a clock is not the one that was asked for.
MAX_ERROR = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Pll:
    """Output = input / `input_divider` * `feedback_divider` / `output_divider`, in MHz as an exact fraction.

    The feedback path is the primary output (CLKOP), divided by `feedback_divider` from the oscillator inside; the
    secondary output (CLKOS), divided by `output_divider`, is the clock. `vco_mhz`: of the oscillator inside.
    """

    input_divider: int
    feedback_divider: int
    output_divider: int
    vco_mhz: Fraction
    output_mhz: Fraction


def solve(input_mhz: float, output_mhz: float) -> Pll:
    """The setting nearest to `output_mhz`; among equals the one with the fastest phase detector, then oscillator.

    Raises HardwareError where none is within 0.1 %.
    """
    source, wish = Fraction(str(input_mhz)), Fraction(str(output_mhz))
    if source <= 0 or wish <= 0:
        raise HardwareError(f"expected clocks above 0 MHz, got {input_mhz} and {output_mhz}")
    candidates = []
    for divider in range(1, MAX_DIVIDER + 1):
        reference = source / divider
        if reference < MIN_PHASE_DETECTOR_MHZ:
            break
        for feedback in range(1, MAX_DIVIDER + 1):
            vco = reference * feedback
            if not MIN_VCO_MHZ <= vco <= MAX_VCO_MHZ:
                continue
            # The nearest output lies at one of the two whole numbers around the exact divider.
            for output in {min(max(int(vco / wish) + up, 1), MAX_DIVIDER) for up in (0, 1)}:
                if MIN_OUTPUT_MHZ <= vco / output <= MAX_OUTPUT_MHZ:
                    candidates.append(Pll(divider, feedback, output, vco, vco / output))
    best = min(candidates, key=lambda one: (abs(one.output_mhz - wish), one.input_divider, -one.vco_mhz), default=None)
    if best is None or abs(best.output_mhz - wish) > MAX_ERROR * wish:
        nearest = f"; the nearest is {float(best.output_mhz):.6g} MHz" if best else ""
        raise HardwareError(f"no clock of {output_mhz} MHz can be made from {input_mhz} MHz{nearest}")
    return best
