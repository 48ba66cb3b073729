"""train: the defended network and its two twins without defence, quantized and in floating point."""

from __future__ import annotations

import dataclasses

from flows import environment
from flows.errors import FlowError
from flows.run import digest
from flows.run.stage import Context, Stage
from flows.stages import metrics
from flows.stages.files import read_json, write_json
from flows.stages.networks import recipes


def run(context: Context) -> None:
    import torch

    from brevitas_models.checkpoint import save_network
    from brevitas_models.compute import Compute
    from brevitas_models.data import load
    from brevitas_models.train import train
    from flows.stages.trainings import place

    torch.set_num_threads(environment.threads())
    compute = Compute(environment.device(), environment.devices(), environment.precision()).resolved()
    split, seen = load(context.config.data), read_json(context.input("data", "data.json"))["sha256"]
    if split.sha256 != seen:
        raise FlowError(f"the data changed: expected sha256 {seen}, got {split.sha256}; run again with --from data")
    todo, epochs = recipes(context.config), context.config.train.epochs
    record: dict[str, list[dict[str, object]]] = {}
    board = environment.tensorboard()
    with metrics.opened(context.folder, board and board / context.run.name) as report:
        for index, (name, recipe) in enumerate(todo.items()):
            record[name] = []

            def progress(epoch: int, line: dict[str, object], index: int = index, name: str = name) -> None:
                record[name].append(line)
                report(name, line)
                done = (index + (epoch + 1) / epochs) / len(todo)
                text = f"{name}: epoch {epoch + 1} of {epochs}, test accuracy {line['test_accuracy']:.3f}"
                context.progress(done, text)

            rest = [digest.of_code(CODE), digest.versions(TOOLS), torch.get_num_threads()]
            with place(environment.trainings(), context.work / name, recipe, split.sha256, compute, rest) as folder:
                network = train(recipe, split, folder, progress, compute)
            save_network(network, context.folder / f"{name}.safetensors")
    on = {"threads": torch.get_num_threads()} | dataclasses.asdict(compute)
    write_json(context.folder / "train.json", on | {"epochs": record})


CODE = ("brevitas_models",)
TOOLS = ("torch", "brevitas", "numpy")
STAGE = Stage(
    "train",
    run,
    inputs=("data",),
    sections=("data", "network", "quant", "defence", "train", "seed"),
    code=(
        *CODE,
        "flows/stages/train.py",
        "flows/stages/networks.py",
        "flows/stages/trainings.py",
        "flows/stages/metrics.py",
    ),
    tools=TOOLS,
)
