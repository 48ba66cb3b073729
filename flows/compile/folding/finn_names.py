"""The folding by the names that FINN's builder gives to its nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from flows.compile.amd.boards import BOARDS
from flows.compile.amd.folding import Layer, folding_config, pair
from flows.compile.amd.graph import specialized
from flows.compile.folding.folding import Folding
from flows.compile.network import Network
from flows.compile.quiet import quiet
from flows.errors import FlowError
from hw.dataflow import Dataflow

PART = BOARDS["Pynq-Z2"].part
"""Whether a node is RTL or HLS depends on the part, and with it the name."""


def finn_entries(
    model: Path, network: Network, dataflow: Dataflow, foldings: Mapping[str, Folding]
) -> dict[str, dict[str, object]]:
    """The entries of a folding file for FINN. Raises FlowError where FINN has no graph of this network."""
    try:
        with quiet(), tempfile.TemporaryDirectory(prefix="holdfast-") as name:
            layers = pair(specialized(model, network, Path(name), PART).model, dataflow)
    except FlowError:
        raise
    except Exception as error:  # finn raises bare Exceptions and assertions of its own
        raise FlowError(" ".join(f"{type(error).__name__}: {error}".split())) from error
    entries = folding_config(layers)
    for layer in layers:
        entries[layer.nodes[0].name] |= _styles(layer, foldings)
    return entries


def _styles(layer: Layer, foldings: Mapping[str, Folding]) -> dict[str, object]:
    """How a matrix unit multiplies and where its weights lie, where it is not left open; FINN's RTL has only DSPs."""
    if layer.op.kind != "matvec":
        return {}
    folding, is_rtl = foldings[layer.op.name], "_rtl" in layer.nodes[0].op_type
    products = {} if folding.products == "auto" or is_rtl else {"resType": folding.products}
    return products | ({} if folding.memory == "auto" else {"ram_style": folding.memory})
