"""The `finn` rung: finn's own Python execution of its hardware graph, image by image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from finn.core.onnx_exec import execute_onnx
from qonnx.core.modelwrapper import ModelWrapper

from flows.compile.quiet import quiet


def run_finn_graph(
    path: Path, images: np.ndarray, tensors: dict[str, str], progress: Callable[[int], None] | None = None
) -> dict[str, np.ndarray]:
    """Executes `finn.onnx` on uint8 images (N, C, H, W); int64 (N, ...) NHWC values of each named tensor.

    `tensors`: operator name -> tensor name, as `compile.json` has them.
    """
    model = ModelWrapper(str(path))
    entry = model.graph.input[0].name
    collected: dict[str, list[np.ndarray]] = {name: [] for name in tensors}
    with quiet():
        for index, image in enumerate(images):
            context = execute_onnx(model, {entry: image[None].astype(np.float32)}, return_full_exec_context=True)
            for name, tensor in tensors.items():
                collected[name].append(np.rint(context[tensor][0]).astype(np.int64))
            if progress:
                progress(index + 1)
    return {name: np.stack(values) for name, values in collected.items()}
