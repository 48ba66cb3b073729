"""The one training loop: plain, with every defence, on any device; repeatable, and resumable after any epoch."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from brevitas_models.augment import shift
from brevitas_models.compute import Alone, Compute, Progress, Team
from brevitas_models.config import ModelConfig, TrainConfig
from brevitas_models.data.split import Split
from brevitas_models.errors import ModelError
from brevitas_models.networks.build import build
from brevitas_models.networks.network import Network
from brevitas_models.objective import batch_loss
from brevitas_models.resume import epoch_generator, identity, restore, store

EVALUATION_BATCH = 500


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
    device, right = next(network.parameters(), torch.empty(0)).device, 0
    for start in range(0, len(x), EVALUATION_BATCH):
        codes = torch.from_numpy(np.ascontiguousarray(x[start : start + EVALUATION_BATCH]))
        predicted = network(codes.to(device).float() / 255).argmax(1).cpu().numpy()
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
    team: Team,
) -> dict[str, object]:
    generator = epoch_generator(config.seed, epoch)
    size = min(config.train.batch, len(x))
    # A last, smaller batch would weigh its pictures more and spoil batch norm; the next epoch shuffles anew.
    batches = torch.randperm(len(x), generator=generator)[: len(x) // size * size].split(size)
    if team.rank:
        generator = epoch_generator(config.seed, epoch, f"/rank {team.rank}")
    layout = torch.channels_last if team.device.type == "cuda" else torch.contiguous_format
    loss_sum = penalty_sum = right = 0.0
    network.train()
    for index, batch in enumerate(batches):
        chosen = batch[team.rank :: team.size]
        step, steps = epoch * len(batches) + index, config.train.epochs * len(batches)
        factor = cosine(step, steps)
        for group in optimizer.param_groups:
            group["lr"] = config.train.learning_rate * factor
        labels = y[chosen].to(team.device)
        codes = shift(x[chosen].float(), config.train.augment, generator).to(team.device, memory_format=layout)
        with team.precision():
            loss = batch_loss(network, codes, labels, config, step / steps, generator)
        optimizer.zero_grad(set_to_none=True)
        (loss.data + loss.penalty).backward()
        hits = (loss.logits.argmax(1) == labels).float().mean()
        figures = torch.stack([figure.detach().to(team.device) for figure in (loss.data, loss.penalty, hits)])
        loss_of, penalty_of, right_of = team.average(network, figures)
        optimizer.step()
        loss_sum, penalty_sum, right = loss_sum + loss_of, penalty_sum + penalty_of, right + right_of
        if not math.isfinite(loss_sum + penalty_sum):
            raise ModelError(
                f"training: expected a finite loss, got {loss_sum} in epoch {epoch}; lower train.learning_rate "
                f"({config.train.learning_rate}) or defence.lipschitz_beta ({config.defence.lipschitz_beta})"
            )
    count = len(batches)
    return {"loss": loss_sum / count, "penalty": penalty_sum / count, "train_accuracy": right / count}


def _ignore(epoch: int, metrics: dict[str, object]) -> None:
    pass


def _run(team: Team, config: ModelConfig, split: Split, folder: Path, key: str, progress: Progress) -> Network:
    """What each process of a team does; gives the trained network on the team's device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build(config.network, config.quant, split.input_shape, split.classes)
    network.to(team.device)
    if team.device.type == "cuda":
        network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, config.train)
    metrics = restore(folder, network, optimizer, key)
    for epoch, line in enumerate(metrics):
        if team.rank == 0:
            progress(epoch, line)
    x, y = torch.from_numpy(np.ascontiguousarray(split.train_x)), torch.from_numpy(split.train_y)
    noise = f"/noise {team.rank}" if team.rank else "/noise"
    for epoch in range(len(metrics), config.train.epochs):
        began = time.monotonic()
        with torch.random.fork_rng(devices=[]):  # what stochastic quantizers draw from
            torch.manual_seed(epoch_generator(config.seed, epoch, noise).initial_seed())
            line = {"epoch": epoch} | _epoch(network, optimizer, x, y, config, epoch, team)
            team.settle(network)
            if team.rank:
                continue
            line["test_accuracy"] = accuracy(network, split.test_x, split.test_y)
        line["seconds"] = round(time.monotonic() - began, 3)
        metrics.append(line)
        store(folder, network, optimizer, metrics, key)
        progress(epoch, line)
    return network


def train(
    config: ModelConfig, split: Split, folder: Path, progress: Progress = _ignore, compute: Compute | None = None
) -> Network:
    """Trains a network and returns it in eval mode, on the CPU.

    Weights, order of pictures, shifts and attacks all follow from `config.seed`: on one machine, with one number of
    threads, two runs on one CPU agree bitwise. After each epoch `folder` (made if missing) holds the whole state, and
    a call with the same arguments goes on there and ends with the same network as an undisturbed run. `progress` is
    called after each epoch with its number from 0 and the metrics, those that were restored included: loss, penalty,
    train_accuracy, test_accuracy (0..1), seconds. `compute`: on what, one CPU in float32 where it is missing. Raises
    ModelError if the loss stops being finite, for a folder that holds another training, or for a device that is not
    there.
    """
    if len(split.train_x) < 2:
        raise ModelError(f"training: expected at least 2 pictures for batch norm, got {len(split.train_x)}")
    folder.mkdir(parents=True, exist_ok=True)
    compute = (compute or Compute()).resolved()
    key = identity(config, split.sha256, compute)
    if (size := min(config.train.batch, len(split.train_x))) % compute.devices:
        raise ModelError(f"train.batch: expected a multiple of the {compute.devices} processes, got {size}")
    if compute != Compute():
        from brevitas_models.fabric import launch

        launch(compute, _run, (config, split, folder, key), progress)
        progress = _ignore  # what is left to do is to read the network
    return _run(Alone(), config, split, folder, key, progress).eval()
