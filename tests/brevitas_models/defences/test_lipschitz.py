from __future__ import annotations

import numpy as np
import pytest
import torch

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.defences.lipschitz import gram_penalty, penalty, spectral_norms, weight_matrix
from brevitas_models.deploy import deploy
from brevitas_models.networks import build


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_penalty_from_singular_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = np.linalg.svd(matrix.numpy(), compute_uv=False)
    assert np.isclose(gram_penalty(matrix).item(), ((values**2 - 1) ** 2).sum(), rtol=1e-12)
    # The paper's ||W^T W - I||^2 counts the missing dimensions too, a constant.
    paper = np.linalg.norm(matrix.numpy().T @ matrix.numpy() - np.eye(shape[1])) ** 2
    assert np.isclose(paper, gram_penalty(matrix).item() + max(0, shape[1] - shape[0]), rtol=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_gradient_is_that_of_the_paper(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (got,) = torch.autograd.grad(gram_penalty(matrix), matrix)
    (paper,) = torch.autograd.grad((matrix.T @ matrix - torch.eye(shape[1])).square().sum(), matrix)
    assert torch.allclose(got, paper, rtol=0, atol=1e-10)
    by_hand = 4 * matrix @ (matrix.T @ matrix - torch.eye(shape[1]))
    assert torch.allclose(got, by_hand, rtol=0, atol=1e-10)


def test_orthonormal_rows_cost_nothing() -> None:
    orthogonal = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q
    assert gram_penalty(orthogonal[:5]).item() < 1e-20


def test_all_layers_count_with_their_quantized_weights(lenet: NetworkConfig) -> None:
    network = build(lenet, QuantConfig(weight_bits=2), (1, 8, 8), 10)
    expected = 0.0
    for linear in network.linears:
        quantized = linear.quant_weight().value.detach().flatten(1).double().numpy()
        values = np.linalg.svd(quantized, compute_uv=False)[: min(quantized.shape)]
        expected += ((values**2 - 1) ** 2).sum()
    got = penalty(network, 0.01)
    assert np.isclose(got.item(), 0.005 * expected, rtol=1e-5)
    got.backward()
    assert all(linear.weight.grad.abs().max() > 0 for linear in network.linears)


def test_descending_the_penalty_brings_singular_values_to_one(mlp: NetworkConfig) -> None:
    torch.manual_seed(0)
    network = build(mlp, QuantConfig(weight_bits=8), (1, 8, 8), 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    before = penalty(network, 1.0).item()
    for _ in range(150):
        optimizer.zero_grad()
        penalty(network, 1.0).backward()
        optimizer.step()
    assert penalty(network, 1.0).item() < 0.05 * before
    assert all(0.8 < norm.weight < 1.2 for norm in spectral_norms(network))


@pytest.mark.parametrize("activation", [Activation.FLOAT, Activation.DQA_FIXED])
def test_spectral_norms_of_trained_and_deployed_agree(activation, lenet: NetworkConfig, digits, settle) -> None:
    network = settle(build(lenet, QuantConfig(activation=activation), (1, 8, 8), 10), digits)
    trained, deployed = spectral_norms(network), spectral_norms(deploy(network))
    assert [norm.layer for norm in trained] == ["layer0", "layer1", "layer2", "last"]
    for index, (a, b) in enumerate(zip(trained, deployed, strict=True)):
        matrix = weight_matrix(network.linears[index]).detach().double().numpy()
        assert np.isclose(a.weight, np.linalg.svd(matrix, compute_uv=False)[0], rtol=1e-9)
        assert np.isclose(a.effective, b.effective, rtol=0.02)
    assert trained[-1].effective == trained[-1].weight
