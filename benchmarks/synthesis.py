"""`python -m benchmarks.synthesis`: `matvec` against a one-line multiply-accumulate, same tools and seeds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measure import CLOCK_MHZ, Unit, measure, of_operator
from benchmarks.record import SYNTHESIS, earlier, versions, write
from hw.inttype import IntType
from hw.ops.matvec.matvec import MatVec

PLAIN = Path(__file__).with_name("multiply_accumulate.sv")
#: Types of weights and activations.
TYPES = (
    *(("BIPOLAR", "BIPOLAR"), ("BIPOLAR", "UINT2"), ("INT2", "UINT1"), ("INT2", "UINT2")),
    *(("INT3", "UINT3"), ("INT4", "UINT2"), ("INT4", "UINT4")),
)
#: Rows, columns at a time and columns in all.
FOLDINGS = ((4, 8, 72), (1, 16, 144), (16, 4, 36))


def operator(weights: str, values: str, folding: tuple[int, int, int]) -> MatVec:
    """A matrix of random weights, all rows at once."""
    pe, simd, columns = folding
    w = IntType.parse(weights)
    codes = np.random.default_rng(1).integers(0, 1 << w.bits, (pe, columns))
    return MatVec("unit0", (), w.decode(codes), w, IntType.parse(values), pe, simd, memory="distributed")


def plain(op: MatVec) -> Unit:
    """The same matrix in `multiply_accumulate.sv`."""
    ours = of_operator(op)
    x, w = op.input_type, op.weight_type
    parameters = {"BEATS": op.beats, "PE": op.pe, "SIMD": op.simd, "Y_BITS": op.output.dtype.bits}
    parameters |= {"X_BITS": x.bits, "X_BIPOLAR": int(x.bipolar), "W_BITS": w.bits, "W_BIPOLAR": int(w.bipolar)}
    memory = "unit0_weights.hex"
    files = {PLAIN.name: PLAIN.read_text(), memory: ours.files[memory]}
    return Unit("multiply_accumulate", files, ours.in_width, ours.out_width, parameters | {"WEIGHTS": f'"{memory}"'})


def case(weights: str, values: str, folding: tuple[int, int, int]) -> dict[str, object]:
    """What is the same for both circuits."""
    pe, simd, columns = folding
    return {"weights": weights, "activations": values, "pe": pe, "simd": simd, "columns": columns}


def compare(weights: str, values: str, folding: tuple[int, int, int], seeds: list[int]) -> dict[str, object]:
    """Both circuits' measures, and theirs over ours: `smaller` in LUT4, ours over theirs: `faster` in Fmax."""
    op = operator(weights, values, folding)
    ours, other = measure(of_operator(op), seeds), measure(plain(op), seeds)
    return {
        **case(weights, values, folding),
        "seeds": seeds,
        **{"matvec": ours, "plain": other},
        "smaller": round(other["lut4"] / ours["lut4"], 2),
        "more_ff": round(ours["ff"] / other["ff"], 2),
        "faster": round(median(ours["fmax_mhz"]) / median(other["fmax_mhz"]), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/synthesis.json"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--quick", action="store_true", help="the first folding only")
    arguments = parser.parse_args()
    tools = versions(SYNTHESIS)
    rows = earlier(arguments.out, tools)
    for folding in FOLDINGS[:1] if arguments.quick else FOLDINGS:
        for weights, values in TYPES:
            if not any(case(weights, values, folding).items() <= row.items() for row in rows):
                rows.append(compare(weights, values, folding, arguments.seeds))
                print(json.dumps(rows[-1]), flush=True)
                write(arguments.out, {"target_mhz": CLOCK_MHZ, "versions": tools, "rows": rows})


if __name__ == "__main__":
    main()
