"""From images as attacks see them to the order in which the circuit receives them."""

from __future__ import annotations

from math import prod

import numpy as np

from flows.errors import FlowError


def check_images(images: np.ndarray, what: str) -> None:
    """Raises FlowError unless `images` is a uint8 array (N, C, H, W)."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
        got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise FlowError(f"{what}: expected uint8 images (N, C, H, W), got {got}; scale pixels to codes 0..255 first")


def to_codes(images: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    """uint8 (N, C, H, W) -> uint8 (N, *shape) where shape is (H, W, C), or (H*W*C,) in that order.

    Raises FlowError where the images do not have this shape.
    """
    check_images(images, what)
    frames = images.transpose(0, 2, 3, 1)
    if frames.shape[1:] != shape and shape != (prod(frames.shape[1:]),):
        raise FlowError(f"{what}: expected images of shape {shape} (height, width, channels), got {frames.shape[1:]}")
    return np.ascontiguousarray(frames).reshape(len(frames), *shape)
