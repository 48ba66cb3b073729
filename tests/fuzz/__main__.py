"""Random cases until engines disagree: `python -m tests.fuzz --seed S --cases N`.

operators  one operator: numpy model, onnxruntime, plain Python reference (tests/fuzz/references.py)
networks   a QONNX chain or graph with branches: compiler, reference executor, onnxruntime, FINN where it can
circuits   the same networks in Verilator, with and without stalls: one build serves many networks of one structure
chains     a QONNX chain through all engines, one build each, its cycles counted
"""

from __future__ import annotations

import argparse
import time
import traceback
import warnings
from collections.abc import Callable

from tests.fuzz import families

#: Of 100 cases of a mixed run.
SHARES = {"operators": 90, "networks": 2, "circuits": 8}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case; the others follow")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--only", choices=families.FAMILIES, help="cases of this kind only")
    parser.add_argument("--keep-going", action="store_true", help="report every failing case, not only the first")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of qonnx, about its own graphs
    shares = {options.only: 100} if options.only else SHARES
    failed = []
    for kind, share in shares.items():
        count = options.cases * share // 100
        failed += _run(kind, families.FAMILIES[kind](options.seed, count), count, options.keep_going)
        if failed and not options.keep_going:
            break
    print(f"{len(failed)} failed {failed}")
    return 1 if failed else 0


def _run(kind: str, cases: list[tuple[int, int, Callable[[], str]]], count: int, keep_going: bool) -> list[str]:
    """Runs batches (first seed, cases in it, function -> a summary); the failed ones by name."""
    failed, done, start = [], 0, time.perf_counter()
    for seed, size, case in cases:
        try:
            text = case()
            done += size
        except Exception as error:  # a finding, whatever its class
            failed.append(f"{kind} {seed}")
            print(f"{kind} {seed} FAILED: {type(error).__name__}: {error}", flush=True)
            traceback.print_exc()
            if not keep_going:
                break
            continue
        if text:
            print(f"{kind} {seed}: {text}", flush=True)
    print(f"{kind}: {done} of {count} cases agree, {time.perf_counter() - start:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
