"""The `qonnx` rung: the slow reference executor, and the verdict of exact arithmetic where it disagrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from flows.compile.network import Activation
from flows.compile.prepare import load_model
from flows.compile.quiet import quiet
from flows.errors import FlowError

MAX_LISTED = 100
MAX_UNIT_ERROR = 1e-4  # of the binary logarithm: float32 scales, whose ratio is a power of two by construction


def to_integers(values: np.ndarray, scale: np.ndarray | float, what: str) -> np.ndarray:
    """Floats that are multiples of `scale` (broadcast) up to float32 rounding -> int64. Raises FlowError for anything
    between."""
    ratio = np.asarray(values, dtype=np.float64) / scale
    integers = np.rint(ratio)
    # half a unit of slack only says which integer a rounded float stands for; the integers are compared exactly
    if np.abs(ratio - integers).max(initial=0) > 0.25:
        raise FlowError(f"{what}: expected multiples of {scale}, got a value off by {np.abs(ratio - integers).max()}")
    return integers.astype(np.int64)


def in_steps(scores: np.ndarray, scale: float, step: float) -> np.ndarray:
    """int64 scores in units of `scale` -> the same in units of `step`, a power of two times as large or as small.

    A trained network whose scores are all even counts in halves of what its circuit counts in. Raises FlowError where
    the units have another ratio, or a score is not whole in the new one.
    """
    bits = np.log2(scale / step)
    shift = int(np.rint(bits))
    if abs(bits - shift) > MAX_UNIT_ERROR:
        raise FlowError(f"scores: expected units a power of two apart, got {scale:g} and {step:g}; export again")
    if shift >= 0:
        return scores << shift
    whole = scores >> -shift
    if wrong := np.flatnonzero((whole << -shift != scores).reshape(len(scores), -1).any(axis=1)).tolist():
        raise FlowError(
            f"brevitas: expected scores in steps of {step:g} as the circuit's, got others on {len(wrong)} images; the "
            f"first is image {wrong[0]}"
        )
    return whole


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
            logits = context[result].reshape(-1) - np.asarray(record["logit_offset"])
            scores.append(to_integers(logits, np.asarray(record["logit_scale"]), "qonnx logits"))
            for name, about in activations.items():
                values = _as_frame(context[about["tensor"]], about) - np.asarray(about["lowest"])
                codes[name].append(to_integers(values, np.asarray(about["step"]), f"qonnx {name}"))
            if progress:
                progress(index + 1)
    return np.stack(scores), {name: np.stack(values) for name, values in codes.items()}


def _as_frame(values: np.ndarray, about: dict) -> np.ndarray:
    """The graph's tensor in the order of the stream: (H, W, C) or (C,)."""
    shape, labels = about["shape"], about["labels"]
    sizes = dict(zip("HWC", shape if len(shape) == 3 else (1, 1, *shape), strict=True))
    labels += "".join(label for label in "HWC" if label not in labels)
    values = np.asarray(values, dtype=np.float64).reshape([sizes[label] for label in labels])
    return values.transpose([labels.index(label) for label in "HWC"]).reshape(shape)


def excuse(
    image: int,
    reference: dict[str, np.ndarray],
    golden: dict[str, np.ndarray],
    activations: dict[str, Activation],
) -> list[dict[str, object]] | None:
    """Whether exact rational arithmetic shows that the *reference* rounded across a step in this image.

    At the first activation that differs, its inputs were equal, so the exact staircase of the golden accumulator
    decides. Returns the list of cases, or None where golden itself is wrong (or nothing before the scores differs).
    `golden`: int64 values of every operator by name, and the network's input codes under `input`.
    """
    for name, activation in activations.items():
        ours, theirs = golden[name][image], reference[name][image].reshape(golden[name][image].shape)
        if np.array_equal(ours, theirs):
            continue
        accumulators = golden[activation.inputs[0]][image].reshape(ours.shape)
        cases = []
        for place in np.argwhere(ours != theirs):
            where, channel = tuple(place), int(place[-1])
            total = int(accumulators[where]) * activation.signs[channel]
            exact = activation.stairs(total, channel)
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
