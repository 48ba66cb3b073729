"""The state of a training run between two epochs: one file, so that network and optimizer cannot disagree."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import torch

from brevitas_models.checkpoint import FORMAT, fill, read_tensors, write_tensors
from brevitas_models.compute import Compute
from brevitas_models.config import ModelConfig
from brevitas_models.errors import ModelError
from brevitas_models.networks.network import Network

NAME = "training.safetensors"
METRICS = "metrics.jsonl"


def identity(config: ModelConfig, data_sha256: str, compute: Compute) -> str:
    """sha256 of everything that decides the result: configuration, seed, pictures, and devices where not one CPU."""
    devices = [] if compute == Compute() else [dataclasses.asdict(compute)]
    text = json.dumps([dataclasses.asdict(config), data_sha256, *devices], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def epoch_generator(seed: int, epoch: int, purpose: str = "") -> torch.Generator:
    """Each epoch draws from its own generator, and another for each purpose, so a resumed run needs no state."""
    digest = hashlib.sha256(f"holdfast/{seed}/{epoch}{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def store(
    folder: Path, network: Network, optimizer: torch.optim.Optimizer, metrics: list[dict[str, object]], key: str
) -> None:
    """Writes NAME (network, Adam's moments, metrics so far) and METRICS (one JSON line per epoch), each atomically."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
    write_tensors(folder / NAME, tensors, {"format": FORMAT, "identity": key, "metrics": metrics})
    partial = folder / f".{METRICS}.partial"
    partial.write_text("".join(json.dumps(line) + "\n" for line in metrics))
    partial.replace(folder / METRICS)


@torch.no_grad()
def restore(folder: Path, network: Network, optimizer: torch.optim.Optimizer, key: str) -> list[dict[str, object]]:
    """Fills network and optimizer from what `store` wrote and returns the metrics, one per finished epoch.

    Nothing there: leaves both alone and returns []. Raises ModelError for a file of another configuration or data
    set, or a damaged one.
    """
    path = folder / NAME
    if not path.exists():
        return []
    tensors, record = read_tensors(path)
    if record.get("identity") != key:
        raise ModelError(f"{path}: belongs to another configuration or data set; remove it or train in another folder")
    groups: dict[str, dict[str, torch.Tensor]] = {"network": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    fill(network, groups["network"], str(path))
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in groups["optimizer"].items():
        index, _, field = name.partition(".")
        state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return record["metrics"]
