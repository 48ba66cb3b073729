"""`python -m tests.fuzz --seed S --cases N`: random networks through the whole chain until one disagrees."""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from tests.fuzz.check import check
from tests.fuzz.networks import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case; the others follow")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--no-rtl", action="store_true", help="leave out the circuit: many more cases a minute")
    parser.add_argument("--keep-going", action="store_true", help="report every failing case, not only the first")
    options = parser.parse_args()
    done, failed, start = 0, [], time.perf_counter()
    warnings.simplefilter("ignore")  # of qonnx, about its own graphs
    for seed in range(options.seed, options.seed + options.cases):
        done += 1
        with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
            case = draw(seed, Path(name))
            try:
                text = check(case, Path(name), circuit=not options.no_rtl)
            except Exception as error:  # a finding, whatever its class
                failed.append(seed)
                print(f"seed {seed} FAILED: {case.text}\n  {type(error).__name__}: {error}", flush=True)
                traceback.print_exc()
                if not options.keep_going:
                    break
                continue
        print(f"seed {seed}: {case.text}\n  {text}", flush=True)
    seconds = time.perf_counter() - start
    print(f"{done} cases in {seconds:.0f} s: {len(failed)} failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
