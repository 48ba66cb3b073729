"""What was folded and what limits it: for `compile.json`, and in words."""

from __future__ import annotations

from dataclasses import asdict

from flows.compile.folding.fold import Folded
from flows.compile.folding.limits import Limits
from hw.op import Resources

WORDS = {"lut4": "LUT4", "ff": "flip-flops", "ebr": "block RAMs", "dsp": "multipliers"}
SHOWN = 4  # names in a list


def record(folded: Folded) -> dict[str, object]:
    """Plain values; `target_cycles` is null where no frame rate was asked for, `limits` where a file decided."""
    dataflow = folded.dataflow
    slowest = max(dataflow.ops, key=lambda op: op.cycles_per_frame)
    cycles = {op.name: op.cycles_per_frame for op in dataflow.ops}
    return {
        "target_cycles": folded.wanted,
        "folding": {
            name: {"PE": f.pe, "SIMD": f.simd, "memory": f.memory, "products": f.products, "cycles": cycles[name]}
            for name, f in folded.foldings.items()
        },
        "cycles_per_frame_bound": dataflow.cycles_per_frame_bound,
        "limited_by": slowest.name,
        "target_met": folded.met,
        "estimate": asdict(dataflow.resources()),
        "budget": None if folded.budget is None else asdict(folded.budget),
        "fits": folded.fits,
        "limits": None if folded.limits is None else _limits(folded, folded.limits),
    }


def _limits(folded: Folded, limits: Limits) -> dict[str, object]:
    return {
        "price": folded.solution.price,
        "least_price": folded.solution.least,
        "slowest": list(limits.slowest),
        "nothing_faster_fits": limits.proved,
        "fixed": list(limits.fixed),
        "next_step": None if limits.step is None else asdict(limits.step) | {"units": list(limits.step.units)},
    }


def lines(folded: Folded, clock_mhz: float) -> list[str]:
    """What a user wants to know, a sentence a line."""
    dataflow, cost = folded.dataflow, folded.dataflow.resources()
    cycles = dataflow.cycles_per_frame_bound
    slowest = [op.name for op in dataflow.ops if op.cycles_per_frame == cycles]
    text = [f"{cycles:,} cycles a frame, {_rate(cycles, clock_mhz)}; slowest: {_some(slowest)}"]
    if not folded.met:
        text.append(f"the target of {folded.wanted:,} cycles a frame is out of reach")
    text.append(f"estimate: {_resources(cost)}" + (f" of {_resources(folded.budget)}" if folded.budget else ""))
    if not folded.fits:
        over = [WORDS[key] for key in WORDS if getattr(cost, key) > getattr(folded.budget, key)]
        text.append(f"it does not fit: too many {' and '.join(over)}")
    if folded.solution is not None:
        text += [_size(folded), _why(folded, folded.limits, clock_mhz)]
    return text


def _size(folded: Folded) -> str:
    least, price = folded.solution.least, folded.solution.price
    if folded.solution.proved:
        return "no other folding of this speed has a smaller estimate (LUT4, block RAMs and so on by their share)"
    return f"within {price / least - 1:.1%} of the least that any folding of this speed could take"


def _why(folded: Folded, limits: Limits, clock_mhz: float) -> str:
    step = limits.step
    if step is None:
        return f"nothing is faster at any size: no folding of {_some(list(limits.fixed))} is"
    next_step = f"the next step is {step.cycles:,} cycles ({_rate(step.cycles, clock_mhz)})"
    units = f", with {_some(list(step.units))} unfolded further"
    if step.fits:
        return f"{next_step}{units}: {_resources(step.needs)}"
    if step.short:
        short = " and ".join(f"{count:,} {WORDS[key]}" for key, count in step.short.items())
        there = " and ".join(f"{getattr(folded.budget, key):,}" for key in step.short)
        return f"nothing faster fits: {next_step}{units}, and takes at least {short} where there are {there}"
    needs = f"takes about {_resources(step.needs)}; other mixtures exceed the board too"
    return f"nothing faster fits: {next_step}{units}, and {needs}"


def _rate(cycles: int, clock_mhz: float) -> str:
    return f"{clock_mhz * 1e6 / cycles:,.0f} frames/s at {clock_mhz:g} MHz"


def _resources(cost: Resources) -> str:
    return ", ".join(f"{getattr(cost, key):,} {word}" for key, word in WORDS.items())


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
