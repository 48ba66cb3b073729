"""Training on GPUs, in bfloat16 or in several processes, by lightning-fabric; loaded only where that is asked for.

Fabric gives the device, the autocast context, the processes and their collectives. Its wrapped modules are not used:
they see gradients only of `forward`, and a batch's loss here also asks for traces, bounds and gradients of gradients.
So gradients are averaged after the backward pass, in one vector, whatever the defences.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Thread

import torch
from torch import Tensor, multiprocessing, nn

from brevitas_models.compute import Compute, Precision, Progress
from brevitas_models.errors import ModelError

try:
    from lightning_fabric import Fabric
except ModuleNotFoundError as error:
    raise ModelError(
        f"training on another device, in another precision or in several processes: expected the package "
        f"lightning-fabric, got: {error}; run pip install lightning-fabric, or train on one cpu in float32"
    ) from error

PRECISIONS = {Precision.FLOAT32: "32-true", Precision.BFLOAT16: "bf16-mixed"}

#: Called in every process as work(team, *arguments, progress).
Work = Callable[..., object]


class FabricTeam:
    """A `Team` as one of Fabric's processes sees it."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.device, self.rank, self.size = fabric.device, fabric.global_rank, fabric.world_size

    def precision(self) -> AbstractContextManager:
        return self._fabric.autocast()

    def average(self, network: nn.Module, figures: Tensor) -> list[float]:
        if self.size > 1:
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            figures = self._average([*gradients, figures])
        return figures.tolist()

    def settle(self, network: nn.Module) -> None:
        if self.size > 1:
            self._average([buffer for buffer in network.buffers() if buffer.is_floating_point()])
            self._expect_equal(torch.cat([p.detach().flatten() for p in network.parameters()]))

    def _expect_equal(self, values: Tensor) -> None:
        """Raises ModelError, in every process, unless all have the same `values` (n,) to the bit."""
        highest, lowest = self._fabric.all_reduce(torch.stack([values, -values]), reduce_op="max")
        if not torch.equal(highest, -lowest):
            raise ModelError("training: expected equal weights in all processes, got different ones; this is a fault")

    @torch.no_grad()
    def _average(self, tensors: list[Tensor]) -> Tensor:
        """Overwrites float32 tensors with the team's mean, in one collective; gives the last one."""
        vector = torch.cat([tensor.detach().flatten() for tensor in tensors])
        vector = self._fabric.all_reduce(vector, reduce_op="mean")
        for tensor, part in zip(tensors, vector.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))
        return tensors[-1]


class Job:
    """What the processes get. One opaque thing: Fabric looks into collections for modules and refuses frozen
    dataclasses there."""

    def __init__(self, work: Work, arguments: tuple) -> None:
        self.work, self.arguments, self.threads = work, arguments, torch.get_num_threads()

    def here(self, fabric: Fabric, progress: Progress) -> None:
        self.work(FabricTeam(fabric), *self.arguments, progress)

    def apart(self, fabric: Fabric, lines) -> str | None:
        """In a process of its own: what it reports goes into the queue `lines`; gives what went wrong."""
        torch.set_num_threads(self.threads)
        try:
            self.here(fabric, lambda epoch, line: lines.put((epoch, line)))
        except ModelError as error:  # the team's figures are the same everywhere, so all processes are here
            return str(error)
        return None


def _pass_on(lines, progress: Progress) -> None:
    while (item := lines.get()) is not None:
        progress(*item)


def launch(compute: Compute, work: Work, arguments: tuple, progress: Progress) -> None:
    """Runs `work(team, *arguments, progress)` on what `compute` (resolved) says and waits for it.

    Of several processes, each is started anew and gets `work`, a function of a module, by name and `arguments` as
    copies; `progress` is called here, with what the first one reports. A ModelError there is one here.
    """
    several = compute.devices > 1
    fabric = Fabric(
        accelerator=compute.device.value,
        devices=compute.devices,
        strategy="ddp_spawn" if several else "auto",
        precision=PRECISIONS[compute.precision],
    )
    job = Job(work, arguments)
    if not several:
        fabric.launch(job.here, progress)
        return
    lines = multiprocessing.get_context("spawn").SimpleQueue()
    reader = Thread(target=_pass_on, args=(lines, progress), daemon=True)
    reader.start()
    try:
        fault = fabric.launch(job.apart, lines)
    finally:
        lines.put(None)
        reader.join()
    if fault:
        raise ModelError(fault)
