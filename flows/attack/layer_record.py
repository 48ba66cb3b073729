"""Part `layers` of a network's record: what noise becomes on its way through, and the quantizers' thresholds."""

from __future__ import annotations

import numpy as np
import torch

from brevitas_models.analysis.amplification import amplification
from brevitas_models.analysis.bound import bound
from brevitas_models.networks.network import Network
from brevitas_models.quantizers.dqa import fixed_thresholds
from flows.attack.batch import grid_epsilon
from flows.targets.torch_target import TorchTarget, to_pixels

PICTURES = 200  # at most


def layer_record(
    target: TorchTarget, x: np.ndarray, adversarial: np.ndarray, epsilon: float, seed: int
) -> dict[str, object] | None:
    """`blocks`: names, the input first, the logits last. `adversarial`, `noise`: normalized distance at each of them
    (`brevitas_models.analysis.amplification`), for the worst case's images and for uniform noise of the same budget.
    `factors`: the bound's factor of each block and the last layer, `product`: of all (null: there is none).
    `thresholds`: per DQA layer, `learned` and `fixed`, in units of its input.

    `x`, `adversarial`: uint8 (N, C, H, W). None for what is not one of our networks.
    """
    network = target.module
    if not isinstance(network, Network):
        return None
    clean, budget = x[:PICTURES], grid_epsilon(epsilon)
    noise = np.random.default_rng(seed).integers(-budget, budget, clean.shape, np.int16, endpoint=True)
    noisy = np.clip(clean + noise, 0, 255).astype(np.uint8)
    limit = bound(network)
    with torch.no_grad():
        through = {
            name: amplification(network, to_pixels(clean), to_pixels(other[:PICTURES]))
            for name, other in (("adversarial", adversarial), ("noise", noisy))
        }
    return {
        "blocks": ["input", *(f"block {index}" for index in range(len(network.blocks))), "logits"],
        **through,
        "factors": list(limit.factors),
        "product": limit.product,
        "thresholds": [_thresholds(layer.activation) for layer in network.layers if _is_dqa(layer.activation)],
    }


def _is_dqa(activation: torch.nn.Module) -> bool:
    return hasattr(activation, "thresholds")


def _thresholds(activation: torch.nn.Module) -> dict[str, list[float]]:
    learned = activation.thresholds.detach().double().tolist()
    bits = (len(learned) + 1).bit_length() - 1
    return {"learned": learned, "fixed": fixed_thresholds(bits).tolist()}
