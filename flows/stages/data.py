"""data: reads the data set and writes down which one it is, with the test images for the stages without torch."""

from __future__ import annotations

import numpy as np

from flows.run.stage import Context, Stage
from flows.stages.files import write_json


def run(context: Context) -> None:
    from brevitas_models.data import load

    split = load(context.config.data)
    record = {
        "dataset": split.name,
        "sha256": split.sha256,
        "classes": split.classes,
        "train_images": len(split.train_x),
        "test_images": len(split.test_x),
        "shape": list(split.test_x.shape[1:]),
    }
    write_json(context.folder / "data.json", record)
    np.savez_compressed(context.folder / "test.npz", x=split.test_x, y=split.test_y)


STAGE = Stage(
    "data",
    run,
    sections=("data",),
    code=("brevitas_models/data", "flows/stages/data.py"),
    tools=("numpy", "scikit-learn"),
)
