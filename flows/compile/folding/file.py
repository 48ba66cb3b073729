"""A folding file, as FINN's builder takes it: node name -> attributes, in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import gcd, prod
from pathlib import Path

from flows.compile.folding.folding import Folding
from flows.compile.folding.options import MEMORIES, PRODUCTS, divisors, join_widths
from flows.compile.plan import AddPlan, ConcatPlan, DepthwisePlan, MatVecPlan, Plan
from flows.errors import FlowError

FINN_KINDS: Mapping[type, tuple[str, ...]] = {
    MatVecPlan: ("MVAU", "MatrixVectorActivation", "StreamingFCLayer"),
    DepthwisePlan: ("VVAU", "VectorVectorActivation", "Vector_Vector_Activate"),
    AddPlan: ("AddStreams", "ElementwiseAdd"),
    ConcatPlan: ("StreamingConcat",),
}
"""How FINN's nodes for our units begin, today's names and older ones. All others follow their neighbours here."""
MAX_BYTES = 16 << 20


def read_foldings(path: Path, plans: list[Plan]) -> dict[str, Folding]:
    """The foldings that a file gives, by our names or by FINN's: its nodes of a kind are ours of that kind, in order.

    Attributes: `PE` and `SIMD` (1 where missing), `resType` ("auto", "lut" or "dsp") and `ram_style` ("auto",
    "distributed" or "block"); others are FINN's own affair. A join that the file does not name is as narrow as
    the slowest unit lets it be. Raises FlowError naming the entry where the file is none, does not fit the network, or
    is not legal.
    """
    entries = _read(path)
    units = {plan.name: plan for plan in plans if isinstance(plan, tuple(FINN_KINDS))}
    found = {name: entries[name] for name in units if name in entries}
    for kind, starts in FINN_KINDS.items():
        ours = [plan.name for plan in plans if isinstance(plan, kind) and plan.name not in found]
        theirs = [name for name in entries if name not in units and name.startswith(starts)]
        if len(theirs) != len(ours) and (theirs or kind in (MatVecPlan, DepthwisePlan)):
            raise FlowError(
                f"{path}: expected {len(ours)} nodes {starts[0]}_... or {', '.join(ours) or 'none'}, got "
                f"{', '.join(theirs) or 'none'}; it is of another network"
            )
        found |= {name: entries[node] for name, node in zip(ours, theirs, strict=False)}
    chosen = {name: _folding(f"{path}: {name}", units[name], values) for name, values in found.items()}
    slowest = max((_cycles(units[name], folding) for name, folding in chosen.items()), default=1)
    for name, plan in units.items():
        if name not in chosen:
            chosen[name] = Folding(next(pe for pe in join_widths(plan) if _cycles(plan, Folding(pe)) <= slowest))
    return chosen


def our_entries(foldings: Mapping[str, Folding]) -> dict[str, dict[str, object]]:
    """A file by our names, for networks that FINN has no nodes for."""
    return {
        name: {"PE": f.pe, "SIMD": f.simd, "resType": f.products, "ram_style": f.memory} for name, f in foldings.items()
    }


def _read(path: Path) -> dict[str, dict[str, object]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FlowError(f"{path}: larger than {MAX_BYTES} bytes, not a folding file")
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FlowError(f"{path}: expected a folding file, got: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FlowError(f"{path}: expected a folding file in JSON, got {error}") from error
    if not isinstance(entries, dict) or not all(isinstance(values, dict) for values in entries.values()):
        raise FlowError(f"{path}: expected an object of node names with an object of attributes each, got another")
    if given := sorted({"PE", "SIMD", "resType", "ram_style"} & entries.pop("Defaults", {}).keys()):
        raise FlowError(f"{path}: expected {', '.join(given)} at each node, got them as Defaults; write them out")
    return entries


def _folding(where: str, plan: Plan, values: Mapping[str, object]) -> Folding:
    pe = _divisor(where, "PE", values, _rows(plan))
    simd = _divisor(where, "SIMD", values, _columns(plan))
    products = _one_of(where, "resType", values, PRODUCTS)
    memory = _one_of(where, "ram_style", values, MEMORIES)
    return Folding(pe, simd, memory, products)


def _rows(plan: Plan) -> int:
    if isinstance(plan, MatVecPlan | DepthwisePlan):
        return len(plan.weights)
    return plan.shape[-1] if isinstance(plan, AddPlan) else gcd(*plan.channels)


def _columns(plan: Plan) -> int:
    return plan.window_channels or plan.weights.shape[1] if isinstance(plan, MatVecPlan) else 1


def _cycles(plan: Plan, folding: Folding) -> int:
    """Of the unit alone."""
    if isinstance(plan, AddPlan):
        return prod(plan.shape) // folding.pe
    if isinstance(plan, ConcatPlan):
        return prod(plan.shape) * sum(plan.channels) // folding.pe
    return prod(plan.positions) * plan.weights.size // (folding.pe * folding.simd)


def _divisor(where: str, key: str, values: Mapping[str, object], of: int) -> int:
    value = values.get(key, 1)
    if type(value) is not int or value not in divisors(of):
        raise FlowError(f"{where}: expected {key} to divide {of}, got {value!r}")
    return value


def _one_of(where: str, key: str, values: Mapping[str, object], choices: tuple[str, ...]) -> str:
    value = values.get(key, "auto")
    if value not in choices:
        raise FlowError(f"{where}: expected {key} to be one of {', '.join(choices)}, got {value!r}")
    return value
