"""QONNX and golden vectors of a deployed network, checked against each other before they are written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from brevitas_models.config import Activation, Answer
from brevitas_models.deploy import integer_weight
from brevitas_models.errors import ModelError
from brevitas_models.export_graph import INPUT, OUTPUT, qonnx_model
from brevitas_models.networks.ensemble import Ensemble
from brevitas_models.networks.frozen import apply_linear
from brevitas_models.networks.network import Network
from brevitas_models.quantizers.stochastic import Draw, drawn_from, silenced, stochastic_quantizers

CHECKED = 4  # images that the (slow) QONNX executor computes as well
BATCH = 500


def logit_scale(network: Network | Ensemble) -> float:
    """`logit = score * logit_scale` with integer scores: last weight scale times the unit of what it sees; of an
    ensemble, the smallest of its members'."""
    if isinstance(network, Ensemble):
        return min(logit_scale(member) for member in network.members)
    _, scale = integer_weight(network.last)
    return scale * network.last_levels.unit


@torch.no_grad()
def logits_and_scores(network: Network | Ensemble, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, C, H, W) -> (float32 logits, int64 scores), each (N, classes).

    Scores come from integers: with counts q of the last hidden activation and integer weights w they are
    sum w * (2 q - n) for DQA (level = (2 q - n) * unit, n thresholds) and sum w * q for ReLU. Those of an ensemble are
    sums over its members, whose power-of-two scales are whole multiples of the smallest.
    """
    if isinstance(network, Ensemble):
        parts = [logits_and_scores(member, codes) for member in network.members]
        gains = [round(logit_scale(member) / logit_scale(network)) for member in network.members]
        scores = sum(gain * part for gain, (_, part) in zip(gains, parts, strict=True))
        return np.sum([logits for logits, _ in parts], axis=0, dtype=np.float32), scores
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


def export(
    network: Network | Ensemble,
    input_shape: tuple[int, int, int],
    folder: Path,
    images: np.ndarray,
    generator: Callable[[int], Draw] | None = None,
) -> dict[str, object]:
    """Writes `model.onnx`, `vectors.npz` (`codes`, `scores`) and `export.json` into an existing folder.

    `network`: from `deploy`. `images`: uint8 (N, *input_shape), N >= 1, the golden vectors. Returns what
    `export.json` holds. For an exact network the graph must give torch's logits bit by bit on the first images, and
    logit == score * logit_scale on all; otherwise the disagreements are counted and reported. Raises ModelError
    for a network that was not deployed, is floating point, or disagrees though exact.

    Of an ensemble, which must add its members' scores, each member is written as well (`member0.onnx`, ...). A network
    with stochastic quantizers must be exact. Its graph has `MultiThreshold` nodes, which round to nearest, with the
    noise as attributes beside (`export_handlers.py`); `generator`: seed -> the circuit's integers, from which the
    golden vectors are made as the circuit makes them, the images one after the other since a reset.
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
    if isinstance(network, Ensemble) and network.answer is not Answer.SUM:
        raise ModelError("export: expected an ensemble whose scores are added; the circuit has quant.answer = sum")
    noisy = bool(stochastic_quantizers(network))
    if (noisy or isinstance(network, Ensemble)) and not network.exact:
        raise ModelError("export: expected an exact network, or no ensemble and no sq; use quant.scale = power_of_two")
    if noisy and generator is None:
        raise ModelError("export: expected the circuit's generator for a network with stochastic quantizers, got none")
    if not len(images):
        raise ModelError("export: expected at least one image for the golden vectors, got none")
    model = qonnx_model(network)
    with drawn_from(network, generator):
        logits, scores = logits_and_scores(network, images)
    scale = logit_scale(network)
    graph = np.stack([_run(model, image) for image in images[:CHECKED]])
    with silenced(network):
        quiet, _ = logits_and_scores(network, images[:CHECKED])
    different = int((graph != quiet).any(axis=1).sum())
    rounded = int((scores.astype(np.float64) * scale != logits).any(axis=1).sum())
    if network.exact and (different or rounded):
        raise ModelError(
            f"export: an exact network must agree everywhere, but the graph differs from torch on {different} of "
            f"{len(graph)} images and logits from scores on {rounded} of {len(images)}; report this as a bug"
        )
    model.save(str(folder / "model.onnx"))
    if isinstance(network, Ensemble):
        for index, member in enumerate(network.members):
            qonnx_model(member).save(str(folder / f"member{index}.onnx"))
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
