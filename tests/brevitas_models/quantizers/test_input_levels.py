from __future__ import annotations

import pytest
import torch

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.errors import ModelError
from brevitas_models.networks import build
from brevitas_models.quantizers.backward import backward_pass
from brevitas_models.quantizers.input_levels import InputLevels

CODES = torch.arange(256)


@pytest.mark.parametrize("bits", range(1, 8))
def test_every_code_goes_to_the_nearest_level(bits: int) -> None:
    quantizer, top = InputLevels(bits), 2**bits - 1
    nearest = (2 * CODES * top + 255) // 510  # of 255 k / top, halves upward
    levels = quantizer(CODES.float() * 2.0**-8)
    assert torch.equal(levels, nearest.float() * 2.0**-bits)
    assert levels.unique().numel() == top + 1
    assert quantizer.levels.top == top and quantizer.levels.lowest == 0


def test_its_backward_pass_can_be_exchanged() -> None:
    pixels = torch.tensor([0.1, 0.5, 0.9], requires_grad=True)
    quantizer = InputLevels(1)
    slopes = {}
    for mode in ("clipped", "staircase"):
        with backward_pass(quantizer, mode):
            (slopes[mode],) = torch.autograd.grad(quantizer(pixels).sum(), pixels)
    assert torch.equal(slopes["clipped"], torch.ones(3))
    assert slopes["staircase"][1] > slopes["staircase"][0] > 0  # steepest at the threshold


def test_only_a_quantized_network_has_one(lenet: NetworkConfig) -> None:
    def entry(**quant):
        return build(lenet, QuantConfig(**quant), (1, 8, 8), 10).entry

    assert entry() is None and entry(activation=Activation.FLOAT, input_bits=1) is None
    assert entry(input_bits=1).levels.top == 1
    with pytest.raises(ModelError, match="quant.input_bits: expected 1 to 8 bits, got 9"):
        QuantConfig(input_bits=9)


def test_a_pixel_that_crosses_no_threshold_changes_nothing(lenet: NetworkConfig) -> None:
    network = build(lenet, QuantConfig(input_bits=1), (1, 8, 8), 10).eval()
    pixels = torch.randint(0, 2, (8, 1, 8, 8)).float()
    moved = (pixels + (torch.rand(8, 1, 8, 8) - 0.5) * 0.8).clamp(0, 1)
    assert torch.equal(network(moved), network(pixels))
    assert not torch.equal(network(1 - pixels), network(pixels))
