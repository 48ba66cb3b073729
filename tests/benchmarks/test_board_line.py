"""The summary of what `holdfast board` recorded says what the records say."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.board_line import rows

HOST = {"sent": 30, "repeated": 5, "timeouts": 1, "refused": 4, "bytes_sent": 900, "bytes_received": 300}
LINE = {"network": "net", "network_id": "1f", "build_id": "9c", "input_bytes": 64, "host": HOST, "board": {}}
NOISE = {"noise": 0.01, "seed": 1, "damaged_bytes": 12}


def save(folder: Path, name: str, record: dict[str, object]) -> None:
    (folder / "board").mkdir(parents=True, exist_ok=True)
    (folder / "board" / name).write_text(json.dumps(record))


def test_rows(tmp_path: Path) -> None:
    rung = {"rung": "board", "engine": "serial:x", "images": 20, "adversarial": 10, "mismatches": 3, "seconds": 1.0}
    save(tmp_path / "a", "verify.json", {"rungs": [rung], "link": {**LINE, "simulated": NOISE}})
    attack = {"attack": "square", "epsilon": 0.1, "images": 4, "queries": 77, "clean_accuracy": 1.0, "accuracy": 0.5}
    replay = {"images": 9, "same_scores": 9, "fool_twin": 2}
    save(tmp_path / "b", "attack.json", {**attack, "replay": replay, "link": {**LINE, "simulated": None}})
    first, second = rows([tmp_path / "a", tmp_path / "b"])
    assert (first["folder"], first["record"], first["bytes_per_image"], first["simulated"]) == (
        "a",
        "verify",
        45.0,
        NOISE,
    )
    assert first["rungs"] == {"board": {"images": 20, "adversarial": 10, "mismatches": 3}}
    assert (second["record"], second["queries"], second["simulated"]) == ("attack", 77, None)
    assert second["replay"] == {"images": 9, "same_scores": 9}
