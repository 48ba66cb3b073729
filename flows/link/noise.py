"""Damage on a serial line: bytes that get lost and bytes that change."""

from __future__ import annotations

import numpy as np

from flows.errors import FlowError


class Noise:
    """Damages a stream of bytes: each is lost or has one to eight bits flipped, half and half, with the same
    probability.

    `rate`: share of damaged bytes, 0..1. `seed`: the same damage for the same stream in the same pieces or others.
    `damaged`: bytes lost or changed so far. Raises FlowError for another rate.
    """

    def __init__(self, rate: float, seed: int) -> None:
        if not 0 <= rate <= 1:
            raise FlowError(f"expected a share of damaged bytes from 0 to 1, got {rate}")
        self.rate = rate
        self.damaged = 0
        self._random = np.random.default_rng(seed)

    def __call__(self, data: bytes) -> bytes:
        """What arrives of `data`."""
        if not self.rate:
            return data
        kept = bytearray()
        for byte, (hit, kind, flip) in zip(data, self._random.random((len(data), 3)), strict=True):
            if hit >= self.rate:
                kept.append(byte)
                continue
            self.damaged += 1
            if kind < 0.5:
                kept.append(byte ^ (1 + int(flip * 255)))
        return bytes(kept)
