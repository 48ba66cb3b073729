from __future__ import annotations

import numpy as np
import pytest
import torch

from brevitas_models.quantizers.staircase import BLOCK, FEW, WINDOW, Staircase, count, threshold_gradient


@pytest.mark.parametrize("n", [1, 3, 7, 15, 255])
def test_count_is_the_number_of_thresholds_not_above(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    thresholds = torch.randn(n, generator=generator).sort().values
    x = torch.cat([torch.randn(3, 50, generator=generator).flatten(), thresholds]).reshape(1, -1)
    expected = (x[..., None] >= thresholds).sum(-1)
    got = count(x, thresholds)
    assert got.dtype == x.dtype and torch.equal(got.long(), expected)


def test_threshold_gradient_by_hand() -> None:
    # step 0.5, window half-width 0.5: -0.5 times the sum of upstream over |x - T| < 0.5.
    assert WINDOW == 0.5
    x = torch.tensor([-1.0, -0.3, 0.0, 0.2, 0.9])
    upstream = torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0])
    thresholds = torch.tensor([-0.6, 0.4])
    # T = -0.6 feels -1.0 and -0.3; T = 0.4 feels 0.0 and 0.2.
    got = threshold_gradient(x[:4], upstream[:4], thresholds, 0.5)
    assert got.tolist() == [-0.5 * 11, -0.5 * 1100]
    # T = 0.15 feels -0.3 too, and never 0.9.
    assert threshold_gradient(x, upstream, thresholds - 0.25, 0.5)[1].item() == -0.5 * 1110


def test_threshold_gradient_against_the_plain_sum() -> None:
    generator = torch.Generator().manual_seed(3)
    x, upstream = torch.randn(2, 4, 5, 6, generator=generator)
    thresholds = torch.randn(15, generator=generator).sort().values
    near = (x[..., None] - thresholds).abs() < WINDOW
    expected = -0.25 * (upstream[..., None].double() * near).sum((0, 1, 2))
    assert np.allclose(threshold_gradient(x, upstream, thresholds, 0.25), expected, rtol=0, atol=1e-5)


def test_threshold_gradient_is_what_a_smoothed_staircase_has() -> None:
    """Against autograd on the staircase whose every step is a ramp of the window's width."""
    thresholds = torch.tensor([-0.83, 0.11, 0.97], dtype=torch.float64, requires_grad=True)
    x = torch.linspace(-2.0, 2.0, 400, dtype=torch.float64)
    upstream = torch.cos(3 * x)
    ramps = ((x[:, None] - thresholds) / (2 * WINDOW) + 0.5).clamp(0, 1)
    (0.5 * ramps.sum(1) * upstream).sum().backward()
    got = threshold_gradient(x, upstream, thresholds.detach(), 0.5)
    assert torch.allclose(got, thresholds.grad, rtol=0, atol=1e-9)


def test_values_that_no_gradient_needs_get_none() -> None:
    x, thresholds = torch.zeros(3, requires_grad=True), torch.tensor([-0.1, 0.1])
    Staircase.apply(x, thresholds, 1.0, 0.0, "clipped").sum().backward()
    assert thresholds.grad is None and x.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("n", [1, 3, 15, FEW, FEW + 1, 255])
@pytest.mark.parametrize("shape", [(), (0,), (3 * BLOCK + 7,), (5, 4, 6, 6)])
def test_counting_is_searching(n: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(n)
    thresholds = torch.randn(n, generator=generator).sort()[0]
    x = torch.randn(shape, generator=generator)
    x.view(-1)[: n // 2] = thresholds[: min(n // 2, x.numel())]  # on a step itself
    for values in (x, x.to(memory_format=torch.channels_last) if x.ndim == 4 else x):
        assert torch.equal(count(values, thresholds), torch.bucketize(x, thresholds, right=True).float())
        assert count(values, thresholds).is_contiguous() == values.is_contiguous()
