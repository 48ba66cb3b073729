"""compile: the exported graph as a folded integer dataflow."""

from __future__ import annotations

from flows.run.stage import Context, Stage


def run(context: Context) -> None:
    from flows.compile.compiler import compile_model

    model = context.input("export", "model.onnx")
    settings = context.config.compile
    compile_model(model, context.folder, settings, progress=lambda text: context.progress(0, text))


STAGE = Stage(
    "compile",
    run,
    inputs=("export/model.onnx",),
    sections=("compile",),
    code=("hw", "flows/compile", "flows/stages/compile.py"),
    tools=("finn-plus", "qonnx", "onnx", "numpy"),
)
