"""QONNX and golden vectors of a deployed network, checked against each other before they are written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from brevitas_models.config import Activation
from brevitas_models.deploy import integer_weight
from brevitas_models.errors import ModelError
from brevitas_models.export_graph import INPUT, OUTPUT, qonnx_model
from brevitas_models.networks.frozen import apply_linear
from brevitas_models.networks.network import Network

CHECKED = 4  # images that the (slow) QONNX executor computes as well
BATCH = 500


def logit_scale(network: Network) -> float:
    """`logit = score * logit_scale` with integer scores: last weight scale times the unit of what it sees."""
    _, scale = integer_weight(network.last)
    return scale * network.last_levels.unit


@torch.no_grad()
def logits_and_scores(network: Network, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, C, H, W) -> (float32 logits, int64 scores), each (N, classes).

    Scores come from integers: with counts q of the last hidden activation and integer weights w they are
    sum w * (2 q - n) for DQA (level = (2 q - n) * unit, n thresholds) and sum w * q for ReLU.
    """
    weight, _ = integer_weight(network.last)
    levels = network.last_levels
    logits, scores = [], []
    for batch in torch.from_numpy(np.ascontiguousarray(codes)).split(BATCH):
        hidden = network.hidden(network.grid(batch.float() / 255))
        units = torch.round(hidden.double() / levels.unit).long()
        logits.append(apply_linear(network.last, hidden))
        scores.append(units @ weight.T)
    return torch.cat(logits).numpy(), torch.cat(scores).numpy()


def _run(model: ModelWrapper, image: np.ndarray) -> np.ndarray:
    return execute_onnx(model, {INPUT: image[None].astype(np.float32)})[OUTPUT][0]


def export(network: Network, input_shape: tuple[int, int, int], folder: Path, images: np.ndarray) -> dict[str, object]:
    """Writes `model.onnx`, `vectors.npz` (`codes`, `scores`) and `export.json` into an existing folder.

    `network`: from `deploy`. `images`: uint8 (N, *input_shape), N >= 1, the golden vectors. Returns what
    `export.json` holds. For an exact network the graph must give torch's logits bit by bit on the first images, and
    logit == score * logit_scale on all; otherwise the disagreements are counted and reported. Raises ModelError
    for a network that was not deployed, is floating point, or disagrees though exact.
    """
    if network.recipe[1].activation is Activation.FLOAT:
        raise ModelError("export: expected a quantized network, got the floating-point twin; a circuit has no floats")
    if network.training or any(hasattr(layer.norm, "running_mean") for layer in network.layers):
        raise ModelError("export: expected a deployed network, got batch norms; call deploy(network) first")
    if tuple(input_shape) != network.input_shape or images.dtype != np.uint8 or images.shape[1:] != network.input_shape:
        raise ModelError(
            f"export: expected uint8 images of shape (N, {', '.join(map(str, network.input_shape))}), "
            f"got {images.dtype} {images.shape} for input {tuple(input_shape)}"
        )
    if not len(images):
        raise ModelError("export: expected at least one image for the golden vectors, got none")
    model = qonnx_model(network)
    logits, scores = logits_and_scores(network, images)
    scale = logit_scale(network)
    graph = np.stack([_run(model, image) for image in images[:CHECKED]])
    different = int((graph != logits[:CHECKED]).any(axis=1).sum())
    rounded = int((scores.astype(np.float64) * scale != logits).any(axis=1).sum())
    if network.exact and (different or rounded):
        raise ModelError(
            f"export: an exact network must agree everywhere, but the graph differs from torch on {different} of "
            f"{len(graph)} images and logits from scores on {rounded} of {len(images)}; report this as a bug"
        )
    model.save(str(folder / "model.onnx"))
    np.savez_compressed(folder / "vectors.npz", codes=images, scores=scores)
    record = {
        "logit_scale": scale,
        "exact": network.exact,
        "input_shape": list(network.input_shape),
        "classes": int(scores.shape[1]),
        "vectors": len(images),
        "graph_checked": len(graph),
        "graph_differs": different,
        "logits_rounded": rounded,
        "nodes": dict(Counter(node.op_type for node in model.graph.node)),
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
    }
    (folder / "export.json").write_text(json.dumps(record, indent=1) + "\n")
    return record
