"""Attacks by queries: what they may see, their budgets, scores of any size, other implementations, a real circuit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from flows.attack.batch import grid_budget, grid_distances
from flows.attack.boundary import Boundary
from flows.attack.hop_skip_jump import HopSkipJump
from flows.attack.nes import Nes
from flows.attack.registry import LABELS, SCORES, attack_names, build
from flows.attack.spsa import Spsa
from flows.attack.uniform import Uniform
from flows.attack.zoo import Zoo
from flows.simulate import build as build_circuit
from flows.targets.onnx_target import OnnxTarget
from flows.targets.rtl_target import RtlTarget
from flows.targets.torch_target import TorchTarget
from tests.flows.attack.linear_digits import classifier

Data = tuple[np.ndarray, np.ndarray]
BY_QUERIES = [name for name in attack_names() if name in {*attack_names(SCORES), *attack_names(LABELS)} - {"uniform"}]


class Changed:
    """A target whose scores went through `change`."""

    name = "changed"

    def __init__(self, target: TorchTarget, change: Callable[[np.ndarray], np.ndarray]) -> None:
        self._target, self._change = target, change
        self.queries = 0

    def predict(self, images: np.ndarray) -> np.ndarray:
        self.queries += len(images)
        return self._change(self._target.predict(images))


def one_hot(scores: np.ndarray) -> np.ndarray:
    return np.eye(scores.shape[1], dtype=np.int64)[scores.argmax(axis=1)]


@pytest.mark.parametrize("name", BY_QUERIES)
def test_the_budget_is_kept_and_used(name: str, target: TorchTarget, data: Data) -> None:
    x, y = data[0][:20], data[1][:20]
    for queries in (3, 4, 41):
        batch = build(name, {"queries": queries})(target, x, y, 2 / 255)
        assert batch.queries.max() <= queries
        if name != "substitute":  # its rounds and tries may need less
            assert (batch.queries[~batch.success] >= queries - 4).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", attack_names(LABELS))
def test_attacks_on_decisions_see_nothing_but_the_class(name: str, norm: str, target: TorchTarget, data: Data) -> None:
    values = {"queries": 60, "norm": norm} if name in attack_names(LABELS, "l2") else {"queries": 60}
    attack = build(name, {} if name == "uniform" else values)
    x, y = data[0][:20], data[1][:20]
    seen, blind = attack(target, x, y, 0.2), attack(Changed(target, one_hot), x, y, 0.2)
    assert np.array_equal(seen.images, blind.images) and np.array_equal(seen.queries, blind.queries)
    assert seen.success.any()


@pytest.mark.parametrize("name", attack_names(SCORES))
@pytest.mark.parametrize("change", [lambda s: s << 40, lambda s: s - 10**12], ids=["huge", "shifted"])
def test_the_size_of_scores_does_not_matter(
    name: str, change: Callable[[np.ndarray], np.ndarray], target: TorchTarget, data: Data
) -> None:
    x, y = data[0][:20], data[1][:20]
    coarse = Changed(target, lambda scores: scores >> 16)  # whole logits: small numbers, many ties
    plain = build(name, {"queries": 100})(coarse, x, y, 0.2)
    moved = build(name, {"queries": 100})(Changed(coarse, change), x, y, 0.2)
    assert plain.success.sum() > (coarse.predict(x).argmax(axis=1) != y).sum()
    assert np.array_equal(plain.images, moved.images)


@pytest.mark.parametrize("kind", [Nes, Spsa, Zoo])
def test_probes_must_cross_the_quantizer(kind: type, network: torch.nn.Module, data: Data) -> None:
    class Coarse(torch.nn.Module):
        """Pixels on eight levels, then the network: a step of the quantizer is 36 codes."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return network(torch.round(x * 7) / 7)

    target = TorchTarget(Coarse(), None)
    clean = int((target.predict(data[0]).argmax(axis=1) != data[1]).sum())
    narrow, wide = (kind(queries=300, delta=delta)(target, *data, 0.12).success.sum() - clean for delta in (1.0, 32.0))
    print(wide, narrow)
    assert wide > 2 * narrow and wide > 10


@pytest.mark.parametrize("kind", [HopSkipJump, Boundary])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.15), ("l2", 0.6)])
def test_the_budget_may_be_in_either_norm(
    kind: type, norm: str, epsilon: float, target: TorchTarget, data: Data
) -> None:
    batch = kind(queries=400, norm=norm)(target, *data, epsilon)
    clean = (target.predict(data[0]).argmax(axis=1) != data[1]).sum()
    assert batch.norm == norm and batch.success.sum() > clean + 10
    assert grid_distances(batch.images, data[0], norm).max() <= grid_budget(epsilon, norm)
    assert (batch.queries < 400).sum() >= batch.success.sum() - 2  # an image leaves when it is near enough


def test_a_search_starts_from_noise_where_no_other_image_helps(target: TorchTarget, data: Data) -> None:
    alone = HopSkipJump(queries=300, norm="l2")(target, data[0][:1], data[1][:1], 2.5)
    assert alone.success.all() and alone.details["never_started"] == 0
    hopeless = Changed(target, lambda scores: np.eye(10, dtype=np.int64)[np.full(len(scores), data[1][0])])
    lost = Boundary(queries=300)(hopeless, data[0][:1], data[1][:1], 0.1)
    assert not lost.success.any() and lost.details["never_started"] == 1 and lost.queries[0] == 21


def test_they_beat_noise_of_the_same_budget(target: TorchTarget, data: Data) -> None:
    noise = Uniform(draws=200)(target, *data, 0.1).success.sum()
    found = {name: int(build(name, {"queries": 200})(target, *data, 0.1).success.sum()) for name in BY_QUERIES}
    assert min(found.values()) > noise, found


@pytest.mark.sim
@pytest.mark.parametrize("name", BY_QUERIES)
def test_a_real_circuit_gives_what_its_golden_model_gives(
    name: str, digits: Data, data: Data, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dataflow = classifier(*digits)
    folder = tmp_path_factory.getbasetemp() / "linear_digits"
    library = folder / "library.so"
    if not library.is_file():
        library = build_circuit(dataflow, folder)
    x, y = data[0][:12], data[1][:12]
    attack = build(name, {"queries": 60})
    with RtlTarget(dataflow, library) as circuit:
        batch = attack(circuit, x, y, 0.1)
        assert circuit.queries == batch.queries.sum() <= 12 * 60
        assert np.array_equal(circuit.predict(batch.images).argmax(axis=1) != y, batch.success)
    golden = attack(OnnxTarget(dataflow), x, y, 0.1)
    assert batch.target == "rtl" and batch.success.sum() > 1
    assert np.array_equal(batch.images, golden.images) and np.array_equal(batch.queries, golden.queries)
