from __future__ import annotations

import pytest
import torch
from torch import nn

from brevitas_models.config import Scale
from brevitas_models.errors import ModelError
from brevitas_models.quantizers.backward import MODES, STAIRCASES, backward_pass, slope
from brevitas_models.quantizers.dqa import QuantDQA
from brevitas_models.quantizers.input_grid import InputGrid
from brevitas_models.quantizers.uniform import UniformReLU


def gradient(module: nn.Module, x: torch.Tensor, mode: str) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    with backward_pass(module, mode):
        module(x).sum().backward()
    return x.grad


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("activation", [QuantDQA(2, Scale.FLOAT, True), UniformReLU(2, Scale.POWER_OF_TWO)])
def test_the_forward_pass_never_changes(activation: nn.Module, mode: str) -> None:
    x = torch.linspace(-3, 3, 301)
    before = activation(x).detach()
    with backward_pass(activation, mode):
        assert torch.equal(activation(x).detach(), before)


def test_dqa_gradients_by_hand() -> None:
    x = torch.tensor([-1.5, -1.0, -0.5, 0.0, 0.99, 2.0])
    activation = QuantDQA(2, Scale.FLOAT, dynamic=False)
    assert gradient(activation, x, "clipped").tolist() == [0, 0, 1, 1, 1, 0]
    assert gradient(activation, x, "identity").tolist() == [1] * 6
    assert torch.allclose(gradient(activation, x, "tanh"), 1 - torch.tanh(x) ** 2, rtol=0, atol=1e-6)
    one_bit = QuantDQA(4, Scale.FLOAT, dynamic=False)
    assert torch.allclose(gradient(one_bit, x, "tanh"), 1 - torch.tanh(x) ** 2, rtol=0, atol=1e-5)


def test_relu_gradients_by_hand() -> None:
    activation = UniformReLU(2, Scale.POWER_OF_TWO)  # levels 0, 0.5, 1, 1.5
    x = torch.tensor([-1.0, 0.3, 1.4, 1.9])
    assert activation(x).tolist() == [0, 0.5, 1.5, 1.5]
    assert gradient(activation, x, "clipped").tolist() == [0, 1, 1, 0]
    assert gradient(activation, x, "identity").tolist() == [1, 1, 1, 1]
    assert (gradient(activation, x, "tanh") > 0).all()


@pytest.mark.parametrize("mode", ["tanh", *STAIRCASES])
def test_smooth_slopes_integrate_to_the_rise(mode: str) -> None:
    thresholds = torch.tensor([-0.6, 0.1, 1.3])
    x = torch.linspace(-30, 30, 60001)
    area = slope(x, thresholds, 0.5, -1.0, 1.3, mode).double().sum() * 1e-3
    assert abs(area.item() - 1.5) < 1e-3


def test_the_grid_passes_straight_through_in_every_mode() -> None:
    x = torch.tensor([0.0, 0.2, 0.501, 1.0])
    grid = InputGrid()
    assert [gradient(grid, x, mode).tolist() for mode in MODES] == [[255 / 256] * 4] * len(MODES)
    assert (grid(x) * 256).tolist() == [0, 51, 128, 255]
    codes = torch.arange(256).float()
    assert torch.equal(grid(codes / 255) * 256, codes)


def test_the_mode_comes_back_even_after_an_error() -> None:
    activation = QuantDQA(2, Scale.FLOAT, dynamic=True)
    with pytest.raises(RuntimeError, match="inside"), backward_pass(activation, "identity"):
        raise RuntimeError("inside")
    assert activation.act_quant.dqa.backward_mode == "clipped"
    with backward_pass(activation, "identity"), backward_pass(activation, "tanh"):
        assert activation.act_quant.dqa.backward_mode == "tanh"


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ModelError, match="expected one of clipped, identity, tanh, staircase, .*, got 'soft'"):
        with backward_pass(InputGrid(), "soft"):
            pass
