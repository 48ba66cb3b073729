"""Networks on disk: safetensors, with what to build in the file's own header. No pickle."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from brevitas_models.config import Activation, Answer, Architecture, NetworkConfig, QuantConfig, Scale
from brevitas_models.deploy import Affine
from brevitas_models.errors import ModelError
from brevitas_models.networks.build import build
from brevitas_models.networks.network import Network

FORMAT = 1


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, object]) -> None:
    """Tensors and a JSON-able record in one file, which gets its name only when whole (fsync, then rename)."""
    content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, {"holdfast": json.dumps(record)})
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """What `write_tensors` wrote. Raises ModelError for a missing, cut or foreign file."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        record = json.loads(metadata["holdfast"])
        if record["format"] != FORMAT:
            raise ModelError(f"{path}: expected format {FORMAT}, got {record['format']}; train again")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: expected a checkpoint of this project, got {error!r}; train again") from error
    return tensors, record


def fill(network: torch.nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Copies `tensors` into a network in place. Raises ModelError unless names, shapes and types all match."""
    state = network.state_dict()
    if set(state) != set(tensors):
        odd = sorted(set(state) ^ set(tensors))
        raise ModelError(f"{where}: expected the tensors of another architecture, these differ: {', '.join(odd[:5])}")
    for name, tensor in state.items():
        found = tensors[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise ModelError(
                f"{where}: {name}: expected {tensor.dtype} {tuple(tensor.shape)}, "
                f"got {found.dtype} {tuple(found.shape)}; it belongs to another architecture"
            )
        tensor.copy_(found)


def _recipe(record: dict[str, object]) -> tuple[NetworkConfig, QuantConfig, tuple[int, int, int], int]:
    def tuples(values: dict[str, object]) -> dict[str, object]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}

    network, quant = tuples(record["network"]), tuples(record["quant"])
    network["architecture"] = Architecture(network["architecture"])
    quant["activation"], quant["scale"] = Activation(quant["activation"]), Scale(quant["scale"])
    quant["answer"] = Answer(quant.get("answer", Answer.SUM))
    return NetworkConfig(**network), QuantConfig(**quant), tuple(record["input_shape"]), record["classes"]


def save_network(network: Network, path: Path) -> None:
    """Writes a trained, not yet deployed network. Raises ModelError for a deployed one (deploying is not undone)."""
    if any(isinstance(layer.norm, Affine) for layer in network.layers):
        raise ModelError("checkpoint: expected a trained network with its batch norms, got a deployed one")
    config, quant, input_shape, classes = network.recipe
    record = {
        "format": FORMAT,
        "network": dataclasses.asdict(config),
        "quant": dataclasses.asdict(quant),
        "input_shape": list(input_shape),
        "classes": classes,
    }
    write_tensors(path, network.state_dict(), record)


@torch.no_grad()
def load_network(path: Path, expect: tuple[NetworkConfig, QuantConfig] | None = None) -> Network:
    """The network that `save_network` wrote, in eval mode.

    `expect`: raise ModelError if it was built from other configurations. Raises ModelError for a damaged file too.
    """
    tensors, record = read_tensors(path)
    try:
        recipe = _recipe(record)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: expected the description of a network, got {error!r}; train again") from error
    if expect is not None and recipe[:2] != expect:
        raise ModelError(f"{path}: expected {expect}, but it holds {recipe[:2]}; train again or change the config")
    with torch.random.fork_rng(devices=[]):
        network = build(*recipe)
    fill(network, tensors, str(path))
    return network.eval()
