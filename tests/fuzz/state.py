"""What a run of the fuzzer has finished, kept in a file so that the same command goes on after a kill."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from flows.run.digest import of_code, of_value

CODE = ("hw", "flows", "tests/fuzz")


def key(**options: object) -> str:
    """Of a run: its options, and the code that it tries."""
    return of_value(options | {"code": of_code(CODE)})


@dataclass
class State:
    """`batches`: "kind first-seed" -> `cases` in it, those that `agreed` and that were `refused`, `seconds`, `error`
    (empty where none failed).

    `file`: None to keep nothing. What another command or other code has written there is dropped.
    """

    file: Path | None
    key: str
    batches: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file and self.file.is_file():
            try:
                kept = json.loads(self.file.read_text())
                self.batches = kept["batches"] if kept["key"] == self.key else {}
            except (json.JSONDecodeError, KeyError, TypeError):
                self.batches = {}

    def add(self, kind: str, seed: int, cases: int, seconds: float, error: str = "", refused: int = 0) -> None:
        counts = {"cases": cases, "agreed": 0 if error else cases - refused, "refused": refused}
        self.batches[f"{kind} {seed}"] = counts | {"seconds": seconds, "error": error}
        if self.file:
            scratch = self.file.with_name(self.file.name + ".part")
            scratch.write_text(json.dumps({"key": self.key, "batches": self.batches}, indent=1) + "\n")
            os.replace(scratch, self.file)

    def has(self, kind: str, seed: int) -> bool:
        """Whether the batch is done; one that failed runs again."""
        batch = self.batches.get(f"{kind} {seed}")
        return batch is not None and not batch["error"]

    def summary(self) -> dict[str, object]:
        """Per kind the `cases`, those that `agreed` or were `refused`, the `seconds` they took; all that failed."""
        kinds: dict[str, dict[str, float]] = {}
        for name, batch in self.batches.items():
            total = kinds.setdefault(name.partition(" ")[0], {"cases": 0, "agreed": 0, "refused": 0, "seconds": 0.0})
            for column in total:
                total[column] = round(total[column] + batch[column], 1)
        failed = {name: batch["error"] for name, batch in self.batches.items() if batch["error"]}
        cases = {column: sum(total[column] for total in kinds.values()) for column in ("cases", "agreed", "refused")}
        return cases | {"kinds": kinds, "failed": failed}
