"""Any target as a foolbox model."""

from __future__ import annotations

import warnings

import eagerpy as ep
import numpy as np

from flows.adapters.pixels import OnGrid, has_gradients, logits
from flows.errors import FlowError
from flows.targets.target import Target

with warnings.catch_warnings():
    # foolbox 3.3.4 imports scipy.ndimage.filters, which scipy has moved
    warnings.simplefilter("ignore", DeprecationWarning)
    import foolbox


class TargetModel(foolbox.Model):
    """`target` for foolbox's attacks on decisions and scores. Takes float pixels [0, 1] (N, C, H, W) of any framework
    that eagerpy knows, rounds them to the grid, and gives float32 logits (N, classes) in the same framework.

    Raises FlowError where an attack asks for gradients.
    """

    data_format = "channels_first"

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def bounds(self) -> foolbox.types.Bounds:
        return foolbox.types.Bounds(0, 1)

    def __call__(self, inputs: object) -> object:
        x, restore = ep.astensor_(inputs)
        if getattr(x.raw, "requires_grad", False):
            raise FlowError(
                f"foolbox: expected an attack on decisions or scores, got one that needs gradients, which "
                f"{self._target.name} has none of; attack the twin and replay its images"
            )
        return restore(ep.from_numpy(x, np.ascontiguousarray(logits(self._target, x.numpy()))))


def foolbox_model(target: Target) -> foolbox.Model:
    """A `TorchTarget` gives a model with gradients, any other target one without (`TargetModel`).

    Pixels are float [0, 1] and rounded to the grid before the target sees them; `target.queries` goes on counting.
    """
    if has_gradients(target):
        return foolbox.PyTorchModel(OnGrid(target).eval(), bounds=(0, 1), device="cpu")
    return TargetModel(target)
