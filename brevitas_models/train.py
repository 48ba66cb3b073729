"""The one training loop: plain, with DQ, with adversarial examples; repeatable, and resumable after any epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from brevitas_models.augment import shift
from brevitas_models.config import ModelConfig, TrainConfig
from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError
from brevitas_models.networks.build import build
from brevitas_models.networks.network import Network
from brevitas_models.objective import batch_loss
from brevitas_models.resume import epoch_generator, identity, restore, store

EVALUATION_BATCH = 500

Progress = Callable[[int, dict[str, object]], None]


def cosine(step: int, steps: int) -> float:
    """Factor of the learning rate at `step` of `steps`: 1 at first, towards 0 at the end."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def make_optimizer(network: Network, config: TrainConfig) -> torch.optim.Adam:
    """Adam; weight decay acts on weights only, never on thresholds, scales or batch norm."""
    weights = [linear.weight for linear in network.linears]
    known = {id(weight) for weight in weights}
    others = [parameter for parameter in network.parameters() if id(parameter) not in known]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.Adam(groups, lr=config.learning_rate)


@torch.no_grad()
def accuracy(network: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    """Share, 0..1, of uint8 pictures (N, C, H, W) that the network, in eval mode, labels as `y`; leaves its mode."""
    training = network.training
    network.eval()
    right = 0
    for start in range(0, len(x), EVALUATION_BATCH):
        codes = torch.from_numpy(np.ascontiguousarray(x[start : start + EVALUATION_BATCH]))
        predicted = network(codes.float() / 255).argmax(1).numpy()
        right += int((predicted == y[start : start + EVALUATION_BATCH]).sum())
    network.train(training)
    return right / len(x)


def _epoch(
    network: Network,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    config: ModelConfig,
    epoch: int,
) -> dict[str, object]:
    generator = epoch_generator(config.seed, epoch)
    size = min(config.train.batch, len(x))
    # A last, smaller batch would weigh its pictures more and spoil batch norm; the next epoch shuffles anew.
    batches = torch.randperm(len(x), generator=generator)[: len(x) // size * size].split(size)
    loss_sum = penalty_sum = right = 0.0
    network.train()
    for index, chosen in enumerate(batches):
        step, steps = epoch * len(batches) + index, config.train.epochs * len(batches)
        factor = cosine(step, steps)
        for group in optimizer.param_groups:
            group["lr"] = config.train.learning_rate * factor
        labels = y[chosen]
        codes = shift(x[chosen].float(), config.train.augment, generator)
        loss = batch_loss(network, codes, labels, config, step / steps, generator)
        optimizer.zero_grad(set_to_none=True)
        (loss.data + loss.penalty).backward()
        optimizer.step()
        loss_sum += loss.data.detach().item()
        penalty_sum += loss.penalty.detach().item()
        right += (loss.logits.argmax(1) == labels).float().mean().item()
        if not math.isfinite(loss_sum + penalty_sum):
            raise ModelError(
                f"training: expected a finite loss, got {loss_sum} in epoch {epoch}; lower train.learning_rate "
                f"({config.train.learning_rate}) or defence.lipschitz_beta ({config.defence.lipschitz_beta})"
            )
    count = len(batches)
    return {"loss": loss_sum / count, "penalty": penalty_sum / count, "train_accuracy": right / count}


def train(config: ModelConfig, split: Split, folder: Path, progress: Progress = lambda epoch, metrics: None) -> Network:
    """Trains a network and returns it in eval mode.

    Weights, order of pictures, shifts and attacks all follow from `config.seed`: on one machine, with one number of
    threads, two runs agree bitwise. After each epoch `folder` (made if missing) holds the whole state, and a call
    with the same arguments goes on there and ends with the same network as an undisturbed run. `progress` is called
    after each epoch with its number from 0 and the metrics, those that were restored included: loss, penalty,
    train_accuracy, test_accuracy (0..1), seconds. Raises ModelError if the loss stops being finite, or for a folder
    that holds another training.
    """
    if len(split.train_x) < 2:
        raise ModelError(f"training: expected at least 2 pictures for batch norm, got {len(split.train_x)}")
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build(config.network, config.quant, split.input_shape, split.classes)
    optimizer = make_optimizer(network, config.train)
    key = identity(config, split.sha256)
    metrics = restore(folder, network, optimizer, key)
    for epoch, line in enumerate(metrics):
        progress(epoch, line)
    x, y = torch.from_numpy(np.ascontiguousarray(split.train_x)), torch.from_numpy(split.train_y)
    for epoch in range(len(metrics), config.train.epochs):
        began = time.monotonic()
        with torch.random.fork_rng(devices=[]):  # what stochastic quantizers draw from
            torch.manual_seed(epoch_generator(config.seed, epoch, "/noise").initial_seed())
            line = {"epoch": epoch} | _epoch(network, optimizer, x, y, config, epoch)
            line["test_accuracy"] = accuracy(network, split.test_x, split.test_y)
        line["seconds"] = round(time.monotonic() - began, 3)
        metrics.append(line)
        store(folder, network, optimizer, metrics, key)
        progress(epoch, line)
    return network.eval()
