"""`audit.json` in a run directory. No torch: the report reads it too."""

from __future__ import annotations

import json
from pathlib import Path

from flows.audit.verdict import Overall
from flows.errors import FlowError
from flows.run import digest, manifest

NAME = "audit.json"
ATTACK_RECORD = "attack_sha256"  # of the attack.json that was audited
_SAME = ("format", "run", ATTACK_RECORD, "epsilon", "images", "seed", "effort")


def read(run: Path) -> dict | None:
    """The audit of a run directory; None where there is none, or one of another attack record.

    Raises FlowError where it is not a JSON object.
    """
    path, attack = run / NAME, run / "attack" / "attack.json"
    if not path.is_file() or not attack.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FlowError(f"{path}: expected a JSON object, got {error}; run holdfast audit again") from error
    if not isinstance(record, dict) or not isinstance(record.get("networks"), dict):
        raise FlowError(f"{path}: expected an object with networks; run holdfast audit again")
    return record if record.get(ATTACK_RECORD) == digest.of_file(attack) else None


def headline(network: dict) -> dict[str, object]:
    """Of one network of an audit: `verdict`, and the accuracies `worst_case` and `own_gradient`."""
    return {
        "verdict": network["audit"]["verdict"],
        "worst_case": network["worst_case"]["accuracy"],
        "own_gradient": network["audit"]["own_gradient"]["accuracy"],
    }


def merged(run: Path, record: dict) -> dict:
    """`record` with the networks of the audit that is already there, where that was made with the same effort."""
    old = read(run)
    if old is None or any(old.get(key) != record[key] for key in _SAME):
        return record
    return record | {"networks": old["networks"] | record["networks"]}


def write(path: Path, record: dict) -> None:
    """Replaces the file in one step."""
    manifest.write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def worst(record: dict, names: tuple[str, ...] | None = None) -> Overall:
    """The worst verdict of the networks named, by default of all."""
    networks = record["networks"]
    verdicts = [Overall(networks[name]["audit"]["verdict"]) for name in names or networks]
    return max(verdicts, key=lambda verdict: verdict.severity)
