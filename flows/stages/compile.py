"""compile: the exported graph as a folded integer dataflow."""

from __future__ import annotations

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


STAGE = Stage(
    "compile",
    run,
    inputs=("export/model.onnx",),
    sections=("compile", "board.name"),
    code=("hw", "flows/compile", "flows/stages/compile.py"),
    tools=("finn-plus", "qonnx", "onnx", "numpy"),
)
