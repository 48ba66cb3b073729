"""`python -m benchmarks.networks STEP...`: export, compile, verify, place and route the networks, and make their table.

Steps, in order: models, compile, verify, place, table. Each works on the networks of --only, or on all, and keeps what
it made in --work; `table` puts what is there into results/networks.json and makes the tables of docs/networks.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from benchmarks.networks.entries import ENTRIES, Entry
from benchmarks.record import versions, write
from brevitas_models.config import DataConfig, Dataset
from brevitas_models.data import load
from flows.errors import FlowError

STEPS = ("models", "compile", "verify", "place", "table")
BOARD = "ulx3s_85f"


def models(entry: Entry, work: Path, zoo: Path) -> None:
    """The network's QONNX file."""
    target = work / f"{entry.name}.onnx"
    if entry.data:
        shutil.copyfile(zoo / target.name, target)
        return
    from benchmarks.networks.models import MODELS

    MODELS[entry.name](target)


def compile_entry(entry: Entry, work: Path) -> None:
    from flows.foreign import compile as foreign

    config = foreign.settings(entry.clock_mhz, entry.target_fps, BOARD, [])
    foreign.compile_foreign(work / f"{entry.name}.onnx", work / entry.name, config, board_name=BOARD, progress=print)


def verify(entry: Entry, work: Path, data: Path | None) -> None:
    """On the test images of the data set that the network was trained on, on made ones where there is none.

    Raises FlowError where a rung gives other integers.
    """
    from flows.foreign.verify import mismatches, verify_folder

    images, labels = _test_set(entry.data, work, data) if entry.data and data else (None, None)
    record = verify_folder(work / entry.name, images, labels, sample=entry.slow, rtl=entry.images, progress=print)
    if wrong := mismatches(record):
        raise FlowError(f"{entry.name}: expected the golden integers everywhere, got others on {', '.join(wrong)}")


def _test_set(dataset: Dataset, work: Path, data: Path) -> tuple[Path, Path]:
    """All its test images and their classes, as the files that `holdfast verify` takes."""
    split = load(DataConfig(dataset, str(data)))
    paths = work / f"{dataset}-images.npy", work / f"{dataset}-labels.npy"
    for path, values in zip(paths, (split.test_x, split.test_y), strict=True):
        np.save(path, values)
    return paths


def place(entry: Entry, work: Path) -> None:
    from flows.foreign.bitstream import bitstream_lines, bitstream_of

    print(*bitstream_lines(bitstream_of(work / entry.name, seed=entry.seed, progress=print)), sep="\n")


def table(entries: list[Entry], work: Path, results: Path, page: Path) -> None:
    """Networks that are not asked for, or were not compiled, stay as `results` has them."""
    from benchmarks.networks.fit import FASTEST
    from benchmarks.networks.page import BEGIN, END, tables
    from benchmarks.networks.record import network_record
    from flows.report.markdown import write_between

    known = json.loads(results.read_text())["networks"] if results.is_file() else []
    rows = {row["name"]: row for row in known}
    for entry in entries:
        if (work / entry.name / "compile.json").is_file():
            print(f"{entry.name}: table", flush=True)
            rows[entry.name] = network_record(entry, work / entry.name) | {"versions": versions()}
    ordered = [rows[entry.name] for entry in ENTRIES if entry.name in rows]
    record = {"clock_mhz": FASTEST.clock_mhz, "share": FASTEST.max_utilization, "networks": ordered}
    write(results, record)
    write_between(page, BEGIN, END, tables(record))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=STEPS)
    parser.add_argument("--work", type=Path, default=Path("runs/networks"), help="what the steps make")
    parser.add_argument("--zoo", type=Path, default=Path("models"), help="where the files of trained networks lie")
    parser.add_argument("--data", type=Path, help="folder of the data sets: what trained networks are verified on")
    parser.add_argument("--only", nargs="+", choices=[entry.name for entry in ENTRIES], help="these networks")
    parser.add_argument("--out", type=Path, default=Path("results/networks.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/networks.md"))
    arguments = parser.parse_args()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    entries = [entry for entry in ENTRIES if not arguments.only or entry.name in arguments.only]
    for entry in entries:
        if "models" in arguments.steps:
            models(entry, work, arguments.zoo)
        for step, run in (
            ("compile", lambda entry: compile_entry(entry, work)),
            ("verify", lambda entry: verify(entry, work, arguments.data)),
            ("place", lambda entry: place(entry, work)),
        ):
            if step in arguments.steps:
                print(f"{entry.name}: {step}", flush=True)
                run(entry)
    if "table" in arguments.steps:
        table(entries, work, arguments.out, arguments.page)


if __name__ == "__main__":
    main()
