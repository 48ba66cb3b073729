"""What training reports after each epoch: a line of JSON at once, and TensorBoard's files where they are wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from flows.errors import FlowError

FILE = "metrics.jsonl"


class Report(Protocol):
    """Takes one network's metrics of one epoch, JSON-able: `epoch` from 0, losses, accuracies from 0 to 1, seconds."""

    def __call__(self, network: str, line: Mapping[str, object]) -> None: ...


@contextmanager
def opened(folder: Path, board: Path | None) -> Iterator[Report]:
    """Appends to `folder/metrics.jsonl`, each line flushed: an object of `network` and the epoch's metrics.

    `board`: a folder for TensorBoard, or None; each network gets a folder in it. Epochs that an earlier, killed run
    had written there are taken back, as a resumed training reports all of them again. Raises FlowError where
    tensorboardX is missing.
    """
    with ExitStack() as stack:
        lines = stack.enter_context((folder / FILE).open("a", encoding="utf-8"))
        writers: dict[str, object] = {}

        def report(network: str, line: Mapping[str, object]) -> None:
            print(json.dumps({"network": network, **line}, allow_nan=False), file=lines, flush=True)
            if board is None:
                return
            if network not in writers:
                writers[network] = stack.enter_context(_writer()(str(board / network), purge_step=0))
            for name, value in line.items():
                if name != "epoch" and isinstance(value, int | float):
                    writers[network].add_scalar(name, value, line["epoch"])

        yield report


def _writer() -> type:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise FlowError(
            f'HOLDFAST_TENSORBOARD: expected tensorboardX, got {error}; pip install "holdfast[track]", or unset it'
        ) from error
    return SummaryWriter
