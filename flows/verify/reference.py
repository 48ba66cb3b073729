"""The `qonnx` rung: the slow reference executor, and the verdict of exact arithmetic where it disagrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from flows.compile.layers import Layer
from flows.compile.prepare import load_model
from flows.compile.quiet import quiet
from flows.errors import FlowError

MAX_LISTED = 100


def to_integers(values: np.ndarray, scale: float, what: str) -> np.ndarray:
    """Floats that are multiples of `scale` up to float32 rounding -> int64. Raises FlowError for anything between."""
    ratio = np.asarray(values, dtype=np.float64) / scale
    integers = np.rint(ratio)
    # half a unit of slack only says which integer a rounded float stands for; the integers are compared exactly
    if np.abs(ratio - integers).max(initial=0) > 0.25:
        raise FlowError(f"{what}: expected multiples of {scale}, got a value off by {np.abs(ratio - integers).max()}")
    return integers.astype(np.int64)


def run_reference(
    path: Path, images: np.ndarray, record: dict, progress: Callable[[int], None] | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Executes the exported graph on uint8 images (N, C, H, W), one by one.

    `record`: of `compile.json`. Returns int64 scores (N, classes) and, per activation, int64 codes (N, ..., C).
    """
    activations = record["activations"]
    scores: list[np.ndarray] = []
    codes: dict[str, list[np.ndarray]] = {name: [] for name in activations}
    with quiet():
        model = load_model(path).transform(InferShapes())
        entry, result = model.graph.input[0].name, model.graph.output[0].name
        for index, image in enumerate(images):
            context = execute_onnx(model, {entry: image[None].astype(np.float32)}, return_full_exec_context=True)
            scores.append(to_integers(context[result][0], record["logit_scale"], "qonnx logits"))
            for name, about in activations.items():
                values = context[about["tensor"]][0] - about["lowest"]
                code = to_integers(values, about["step"], f"qonnx {name}")
                codes[name].append(code.transpose(1, 2, 0) if code.ndim == 3 else code)
            if progress:
                progress(index + 1)
    return np.stack(scores), {name: np.stack(values) for name, values in codes.items()}


def excuse(
    image: int,
    reference: dict[str, np.ndarray],
    golden: dict[str, np.ndarray],
    layers: dict[str, Layer],
    signs: dict[str, np.ndarray],
) -> list[dict[str, object]] | None:
    """Whether exact rational arithmetic shows that the *reference* rounded across a step in this image.

    At the first activation that differs, its inputs were equal, so the exact staircase of the golden accumulator
    decides. Returns the list of cases, or None where golden itself is wrong (or nothing before the scores differs).
    `golden`: activation codes and, under `<unit>`, accumulators; `signs[activation]`: int (C,), -1 where the circuit's
    accumulator is negated.
    """
    for name, layer in layers.items():
        ours, theirs = golden[name][image], reference[name][image].reshape(golden[name][image].shape)
        if np.array_equal(ours, theirs):
            continue
        accumulators = golden[name.removeprefix("act_")][image]
        cases = []
        for place in np.argwhere(ours != theirs):
            where, channel = tuple(place), int(place[-1])
            total = int(accumulators[where]) * int(signs[name][channel])
            exact = layer.stairs(total, channel)
            if exact != ours[where]:
                return None
            if len(cases) < MAX_LISTED:
                cases.append(
                    {
                        "image": image,
                        "operator": name,
                        "channel": channel,
                        "pixel": [int(i) for i in place[:-1]],
                        "accumulator": total,
                        "exact": exact,
                        "reference": int(theirs[where]),
                    }
                )
        return cases
    return None
