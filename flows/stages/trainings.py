"""Where a network is trained: in the run's own folder, or in one that runs with the same twin share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brevitas_models.compute import Compute
from brevitas_models.config import ModelConfig
from brevitas_models.resume import identity
from flows.run.digest import of_value
from flows.run.lock import locked


@contextmanager
def place(
    shared: Path | None, own: Path, recipe: ModelConfig, data: str, compute: Compute, rest: object
) -> Iterator[Path]:
    """The folder for `brevitas_models.train`: `own`, or the one in `shared` for all that decides the result.

    `data`: sha256 of the pictures. `rest`: what else decides (code, tools, threads), JSON-able. What is there is
    taken up, finished or not; another process at work there raises FlowError.
    """
    if shared is None:
        yield own
        return
    folder = shared / of_value([identity(recipe, data, compute), rest])[:32]
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        yield folder
