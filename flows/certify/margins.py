"""How far another class may come at most: upper bounds of score differences over boxes of inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flows.certify.backward import upper
from flows.certify.bounds import Box, product, propagate
from flows.certify.relax import lines
from flows.certify.tail import Tail, find_tail
from hw.dataflow import Dataflow


@dataclass(frozen=True)
class Margins:
    """Bounds of one dataflow. `tail`: its fully connected end, through which bounds are carried backwards."""

    dataflow: Dataflow
    tail: Tail

    @classmethod
    def of(cls, dataflow: Dataflow) -> Margins:
        """Raises FlowError for a dataflow whose scores come from no fully connected layer."""
        return cls(dataflow, find_tail(dataflow))

    def __call__(self, box: Box, labels: np.ndarray) -> np.ndarray:
        """int64 (N, classes): at most score j - score of the label, for every input in `box`, (N, *input.shape).

        `labels`: int64 (N,). The label's own entry is 0.
        """
        first = self.tail.stages[0].matvec.name if self.tail.stages else self.tail.last.name
        base = propagate(self.dataflow, box, first)[self.tail.base]
        boxes, around = [base.reshape((-1,))], []
        for index, stage in enumerate(self.tail.stages):
            sums = self._sums(index, boxes, around)
            around.append(lines(stage.threshold, sums))
            ends = [stage.threshold.golden(side) for side in (sums.low, sums.high)]
            boxes.append(Box(np.minimum(*ends), np.maximum(*ends)))
        last = self.tail.last
        form = last.weights[None] - last.weights[labels][:, None]
        constant = last.bias[None] - last.bias[labels][:, None]
        return upper(form << last.shift, constant, self.tail.stages, around, boxes)

    def _sums(self, index: int, boxes: list[Box], around: list) -> Box:
        """What the matrix unit of hidden layer `index` may give, carried back to where the tail begins."""
        unit, incoming = self.tail.stages[index].matvec, boxes[index]
        up, down = np.maximum(unit.weights, 0).T, np.minimum(unit.weights, 0).T
        low = (product(incoming.low, up) + product(incoming.high, down) << unit.shift) + unit.bias
        high = (product(incoming.high, up) + product(incoming.low, down) << unit.shift) + unit.bias
        if not index:
            return Box(low, high)
        rows = np.broadcast_to(unit.weights << unit.shift, (len(incoming.low), *unit.weights.shape))
        bias = np.broadcast_to(unit.bias, low.shape)
        stages, lower = self.tail.stages[:index], low
        greatest = upper(rows, bias.copy(), stages, around, boxes)
        least = -upper(-rows, -bias, stages, around, boxes)
        return Box(np.maximum(lower, least), np.minimum(high, greatest))


def proved(margins: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool (N,): no class can take the label's place. The lowest class wins a tie, so one below it must stay lower."""
    classes = np.arange(margins.shape[1])
    allowed = np.where(classes[None] > labels[:, None], 0, -1)
    other = classes[None] != labels[:, None]
    return np.all((margins <= allowed) | ~other, axis=1)
