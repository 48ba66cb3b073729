"""The `finn` rung: finn's own Python execution of its hardware graph, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from finn.core.onnx_exec import execute_onnx
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.quiet import quiet


def run_finn_graph(
    path: Path, images: np.ndarray, finn: Mapping[str, Any], progress: Callable[[int], None] | None = None
) -> dict[str, np.ndarray]:
    """Executes `finn.onnx` on uint8 images (N, C, H, W); int64 (N, ...) NHWC integers by operator of the circuit.

    `finn`: that entry of `compile.json`, which says how finn's integers become the circuit's.
    """
    model = ModelWrapper(str(path))
    entry = model.graph.input[0].name
    collected: dict[str, list[np.ndarray]] = {name: [] for name in finn["tensors"]}
    with quiet():
        for index, image in enumerate(images):
            context = execute_onnx(model, {entry: image[None].astype(np.float32)}, return_full_exec_context=True)
            for name, tensor in finn["tensors"].items():
                collected[name].append(np.rint(context[tensor][0]).astype(np.int64))
            if progress:
                progress(index + 1)
    found = {name: np.stack(values) * np.array(finn["signs"].get(name, 1)) for name, values in collected.items()}
    for name, (shift, bias) in finn["affine"].items():
        found[name] = (found[name] << shift) + np.array(bias)
    return found
