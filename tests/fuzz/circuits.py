"""Networks of one structure in one Verilator build: weights, biases and thresholds are memory files, read anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flows.compile.folding.fold import fold
from flows.compile.lower import lower
from flows.compile.read.network import PIXEL, read_network
from flows.simulate import Simulator, build
from hw.dataflow import Dataflow
from hw.op import Op
from hw.stream import Stream
from tests.fuzz import branches, networks
from tests.fuzz.disagreement import equal
from tests.fuzz.networks import images

FRAMES = 2


@dataclass(frozen=True)
class Structure:
    """`pictures`: uint8 (N, C, H, W); `text`: the network in words."""

    dataflow: Dataflow
    folder: Path
    pictures: np.ndarray
    text: str

    @classmethod
    def draw(cls, seed: int, folder: Path) -> Structure:
        case = (branches if seed // 2 % 2 else networks).draw(seed, folder)
        network = read_network(case.model, PIXEL)
        plans = lower(network).plans
        source = Stream(network.input_shape, network.input_type, 1)
        ordered = network.scores.ordered
        dataflow = fold("network", plans, source, case.config, labels=ordered).dataflow
        build(dataflow, folder)
        return cls(dataflow, folder, images(case, FRAMES), case.text)

    def check(self, seed: int) -> None:
        """A network of this structure: other integers, random pictures, random stalls. Raises Disagreement."""
        random = np.random.default_rng([seed, 5])
        dataflow = other_integers(self.dataflow, random)
        library = build(dataflow, self.folder)
        pictures = np.concatenate([random.integers(0, 256, self.pictures[:FRAMES].shape), self.pictures[FRAMES:]])
        codes = pictures.transpose(0, 2, 3, 1).reshape(len(pictures), *dataflow.input.shape).astype(np.int64)
        golden = dataflow.golden(codes)
        stall_in, stall_out = random.choice([0.0, 0.3, 0.7], 2)
        with Simulator(dataflow, library) as simulator:
            result = simulator.run(codes, stall_in=float(stall_in), stall_out=float(stall_out), seed=seed)
        equal(f"rtl, seed {seed}, stalls {stall_in} and {stall_out}", golden, result.outputs)


def other_integers(dataflow: Dataflow, random: np.random.Generator) -> Dataflow:
    """The same circuit with other memories: rows and columns of weights change places, thresholds move.

    Weights that only change places reach the same sums, so that no stream changes its type.
    """
    ops = tuple(_other(op, dataflow, random) for op in dataflow.ops)
    return Dataflow(dataflow.name, ops, dataflow.sources)


def _other(op: Op, dataflow: Dataflow, random: np.random.Generator) -> Op:
    if op.kind == "matvec":
        rows, columns = (random.permutation(size) for size in op.weights.shape)
        return replace(op, weights=op.weights[rows][:, columns], bias=op.bias[rows])
    if op.kind == "depthwise":
        filters, count = random.permutation(len(op.weights)), op.weights[0].size
        taps = op.weights[filters].reshape(len(filters), count)[:, random.permutation(count)]
        return replace(op, weights=taps.reshape(op.weights.shape), bias=op.bias[filters])
    if op.kind == "threshold":
        low, high = op.input_type.min - 1, op.input_type.max + 1
        near = op.thresholds + random.integers(-2, 3, op.thresholds.shape) * max(1, (high - low) // 64)
        return replace(op, thresholds=np.sort(np.clip(near, low, high), axis=1))
    return op
