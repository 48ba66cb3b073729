"""compile: the exported graph as a folded integer dataflow."""

from __future__ import annotations

from pathlib import Path

from flows.config import Config
from flows.errors import FlowError
from flows.run.stage import Context, Stage
from hw.boards import board


def run(context: Context) -> None:
    from flows.compile.compiler import compile_model

    model = context.input("export", "model.onnx")
    config = context.config
    compile_model(
        model,
        context.folder,
        config.compile,
        board=board.load(config.board.name),
        progress=lambda text: context.progress(0, text),
    )


def reads(config: Config) -> tuple[Path, ...]:
    file = config.compile.folding_config_file
    return (Path(file),) if file else ()


def check(config: Config) -> None:
    for path in reads(config):
        if not path.is_file():
            raise FlowError(f"compile.folding_config_file: expected a file, got {path}, which is not there")


STAGE = Stage(
    "compile",
    run,
    inputs=("export/model.onnx",),
    sections=("compile", "board.name"),
    code=("hw", "flows/compile", "flows/stages/compile.py"),
    tools=("finn-plus", "qonnx", "onnx", "numpy", "scipy"),
    reads=reads,
    check=check,
)
