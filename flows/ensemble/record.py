"""`ensemble.json` in a run directory. No torch: the report reads it too."""

from __future__ import annotations

from pathlib import Path

from flows.run import digest
from flows.stages.files import read_json

NAME, PICTURE = "ensemble.json", "information-plane.svg"
TRAINED = "train_sha256"  # of the network that was measured
NETWORK = Path("train", "defended.safetensors")


def read(run: Path) -> dict[str, object] | None:
    """What `holdfast ensemble` wrote of a run directory; None where there is none, or one of another network.

    Raises FlowError where it is not a JSON object.
    """
    path, network = run / NAME, run / NETWORK
    if not path.is_file() or not network.is_file():
        return None
    record = read_json(path)
    return record if record.get(TRAINED) == digest.of_file(network) else None
