"""QONNX file -> folded `hw.Dataflow`: the steps in order, and the record of what they decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from flows.compile.finn_match import match
from flows.compile.folding import report
from flows.compile.folding.fold import fold
from flows.compile.lower import lower
from flows.compile.network import Activation, Network
from flows.compile.prepare import prepare
from flows.compile.quiet import quiet
from flows.compile.read.network import PIXEL, read_network
from flows.compile.streamline import streamline
from flows.compile.to_hardware import to_hardware
from flows.config import CompileConfig
from flows.errors import FlowError
from hw.boards.board import Board
from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.stream import Stream

FINN_FILE = "finn.onnx"


def compile_model(
    path: Path,
    folder: Path,
    config: CompileConfig,
    *,
    name: str = "network",
    board: Board | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Dataflow:
    """Compiles a QONNX file of uint8 images (1, C, H, W) and writes `dataflow.*`, `finn.onnx`, `compile.json`.
    `board`: whose resources bound the folding.

    Where finn cannot convert the network, `finn` in `compile.json` is null, `finn_reason` says why, and there is no
    `finn.onnx`. Raises FlowError naming the node, the reason and the remedy where a layer has no hardware.
    """
    progress("reading the graph")
    network = read_network(path, PIXEL)
    progress("exact thresholds by bisection")
    lowered = lower(network)
    progress("folding")
    source = Stream(network.input_shape, network.input_type, 1)
    try:
        folded = fold(name, lowered.plans, source, config, labels=network.scores.ordered, board=board)
    except HardwareError as error:
        raise FlowError(f"{path}: the network has no circuit: {error}") from error
    progress("finn's hardware graph, to compare with")
    finn, reason = _finn(path, network, folder / FINN_FILE)
    folded.dataflow.save(folder)
    record = {"source": path.name, "clock_mhz": config.clock_mhz}
    record |= _scores(network) | {"finn": finn, "finn_reason": reason}
    record["activations"] = {name: _activation(node) for name, node in network.activations.items()}
    record |= report.record(folded)
    (folder / "compile.json").write_text(json.dumps(record, indent=1) + "\n")
    return folded.dataflow


def _finn(path: Path, network: Network, target: Path) -> tuple[dict[str, object] | None, str]:
    """Finn's graph of the same network, checked against ours and with its exact thresholds; else the reason."""
    try:
        with quiet():
            model = to_hardware(streamline(prepare(path, network.input_type)))
            matched = match(model, network)
    except FlowError as error:
        return None, str(error)
    except Exception as error:  # finn raises bare Exceptions and assertions of its own
        return None, " ".join(f"finn cannot convert this network: {type(error).__name__}: {error}".split())
    model.save(str(target))
    return matched.record(), ""


def _scores(network: Network) -> dict[str, object]:
    scores = network.scores
    return {
        "logit_scale": _one_or_all(scores.scale),
        "logit_offset": _one_or_all(scores.offset),
        "scores_order_classes": scores.ordered,
        "host": scores.note,
    }


def _one_or_all(values: tuple[Fraction, ...]) -> float | list[float]:
    floats = [float(value) for value in values]
    return floats[0] if len(set(values)) == 1 else floats


def _activation(node: Activation) -> dict[str, object]:
    """What the verifier needs to turn the graph's tensor into the codes of the operator of that name."""
    return {
        "tensor": node.tensor,
        "labels": node.labels,
        "shape": list(node.shape),
        "source": node.inputs[0],
        "step": _one_or_all(node.step),
        "lowest": _one_or_all(node.lowest),
        "signs": list(node.signs),
    }
