"""The shape of the chain's tensor from node to node; refuses what moves or drops pixels in another way than ours."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx

from flows.compile.refuse import refuse

Shape = tuple[int, ...]
"""(C, H, W) of an image or (C,) once flattened, without the batch axis."""


def after_convolution(node: onnx.NodeProto, options: dict[str, object], shape: Shape, weights: np.ndarray) -> Shape:
    """`weights`: (M, C, kh, kw)."""
    _no_auto_pad(node, options)
    if len(shape) != 3 or weights.ndim != 4 or weights.shape[1] != shape[0]:
        raise refuse(node, f"weights {weights.shape} on a tensor {shape}", "use a 2-d convolution of an image")
    top, left, bottom, right = options.get("pads", [0] * 4)
    height, width = shape[1] + top + bottom, shape[2] + left + right
    rows, columns = options.get("strides", [1, 1])
    if min(top, left, bottom, right) < 0 or weights.shape[2] > height or weights.shape[3] > width:
        raise refuse(node, f"a kernel {weights.shape[2:]} on {height} x {width} pixels", "use one within the image")
    return len(weights), (height - weights.shape[2]) // rows + 1, (width - weights.shape[3]) // columns + 1


def after_product(node: onnx.NodeProto, shape: Shape, weights: np.ndarray) -> Shape:
    """`weights`: (M, K)."""
    if len(shape) != 1 or weights.ndim != 2 or weights.shape[1] != shape[0]:
        raise refuse(node, f"weights {weights.shape} on a tensor {shape}", "flatten the image before a linear layer")
    return (len(weights),)


def after_pool(node: onnx.NodeProto, options: dict[str, object], shape: Shape) -> Shape:
    _no_auto_pad(node, options)
    kernel = list(options.get("kernel_shape", []))
    strides = list(options.get("strides", [1] * len(kernel)))
    if len(shape) != 3 or len(kernel) != 2 or kernel[0] != kernel[1] or strides != kernel:
        raise refuse(node, f"a pool {kernel} with strides {strides}", "use a square pool with equal stride on an image")
    if any(options.get("pads", [])) or options.get("ceil_mode", 0) or any(d != 1 for d in options.get("dilations", [])):
        raise refuse(node, "a pool with padding, dilation or ceil_mode", "use a plain pool, which drops the rest")
    if kernel[0] > min(shape[1:]):
        raise refuse(node, f"a pool {kernel} on {shape[1]} x {shape[2]} pixels", "use a pool within the image")
    return shape[0], shape[1] // kernel[0], shape[2] // kernel[0]


def after_flatten(node: onnx.NodeProto, options: dict[str, object], shape: Shape, target: np.ndarray | None) -> Shape:
    """`target`: of a Reshape, None for a Flatten."""
    flat = (prod(shape),)
    axis_kept = options.get("axis", 1) == 1 if target is None else target.size == 2 and target[1] in (-1, *flat)
    if target is not None and axis_kept and list(target) == [-1, -1]:
        axis_kept = False
    if not axis_kept:
        raise refuse(node, "it does more than flatten an image", "flatten from axis 1, and reshape nothing else")
    return flat


def check_constant(node: onnx.NodeProto, shape: Shape, constant: np.ndarray) -> None:
    """A constant for all, or one per channel."""
    aligned = (1,) * (1 + len(shape) - constant.ndim) + constant.shape
    if len(aligned) != 1 + len(shape) or aligned[1] not in (1, shape[0]) or prod(aligned) != aligned[1]:
        raise refuse(
            node, f"a constant of shape {constant.shape} on a tensor {shape}", "use one number, or one per channel"
        )


def check_scores(node: onnx.NodeProto, shape: Shape) -> None:
    if len(shape) != 1 or shape[0] < 2:
        raise refuse(node, f"scores of shape {shape}", "end with a linear layer of at least 2 classes")


def _no_auto_pad(node: onnx.NodeProto, options: dict[str, object]) -> None:
    if options.get("auto_pad", b"NOTSET") not in (b"NOTSET", "NOTSET"):
        raise refuse(node, f"auto_pad {options['auto_pad']!r}", "export explicit pads")
