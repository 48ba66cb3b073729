"""Random cases until engines disagree: `python -m tests.fuzz --seed S --cases N`.

operators  one operator: numpy model, onnxruntime, plain Python reference (tests/fuzz/references.py)
networks   a QONNX chain or graph with branches: compiler, reference executor, onnxruntime, FINN where it can
circuits   the same networks in Verilator, with and without stalls: one build serves many networks of one structure
chains     a QONNX chain through all engines, one build each, its cycles counted

The last lines are a JSON object: cases, how many of them agreed, how many the compiler refused because their weights
would need more than 8 bits, seconds, what failed.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fuzz import families
from tests.fuzz.state import State, key

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
    parser.add_argument("--state", type=Path, help="keeps what is done: the same command goes on after a kill")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of qonnx, about its own graphs
    state = State(options.state, key(seed=options.seed, cases=options.cases, only=options.only))
    for kind, share in ({options.only: 100} if options.only else SHARES).items():
        batches = families.FAMILIES[kind](options.seed, options.cases * share // 100)
        if not _run(kind, batches, state, options.keep_going) and not options.keep_going:
            break
    summary = state.summary()
    print(json.dumps({"seed": options.seed} | summary, indent=1))
    return 1 if summary["failed"] else 0


def _run(kind: str, batches: Iterator[tuple[int, int, Callable[[], str]]], state: State, keep_going: bool) -> bool:
    """Runs the batches (first seed, cases in it, function -> a summary) that are not done; whether all agree."""
    agree = True
    for seed, size, case in batches:
        if state.has(kind, seed):
            continue
        start = time.perf_counter()
        try:
            text = case()
        except families.Refused as refusal:
            state.add(kind, seed, size, time.perf_counter() - start, refused=size)
            print(f"{kind} {seed}: refused: {refusal}", flush=True)
            continue
        except Exception as error:  # a finding, whatever its class
            traceback.print_exc()
            state.add(kind, seed, size, time.perf_counter() - start, f"{type(error).__name__}: {error}")
            agree = False
            if not keep_going:
                break
            continue
        state.add(kind, seed, size, time.perf_counter() - start)
        print(f"{kind} {seed}: {text}", flush=True)
    return agree


if __name__ == "__main__":
    raise SystemExit(main())
