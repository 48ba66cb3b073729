"""Any target as a classifier of the Adversarial Robustness Toolbox (ART)."""

from __future__ import annotations

# isort: off
from flows import art_settled  # noqa: F401, before ART itself

# isort: on
import torch
from art.estimators.classification import BlackBoxClassifierNeuralNetwork, PyTorchClassifier

from flows.adapters.pixels import OnGrid, has_gradients, logits
from flows.targets.target import Target


def art_classifier(
    target: Target, shape: tuple[int, int, int], classes: int
) -> PyTorchClassifier | BlackBoxClassifierNeuralNetwork:
    """For images of `shape` (C, H, W) as float pixels [0, 1], rounded to the grid before the target sees them.

    A `TorchTarget` gives a classifier with gradients; any other target, a circuit for one, a black box: ART itself
    refuses attacks that ask it for gradients. `target.queries` goes on counting.
    """
    if has_gradients(target):
        # an optimizer and a loss are asked for, although attacks only use the loss
        return PyTorchClassifier(
            OnGrid(target), torch.nn.CrossEntropyLoss(), shape, classes, clip_values=(0.0, 1.0), device_type="cpu"
        )
    return BlackBoxClassifierNeuralNetwork(
        lambda pixels: logits(target, pixels), shape, classes, channels_first=True, clip_values=(0.0, 1.0)
    )
