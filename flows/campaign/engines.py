"""The targets that a campaign can name: what identifies each, which files it is made of, how it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows import environment
from flows.campaign.spec import Engine, TargetSpec
from flows.errors import FlowError
from flows.remote.client import RemoteTarget, read_token
from flows.run.digest import of_code, of_file, of_value, versions
from flows.targets.target import Target

if TYPE_CHECKING:
    from flows.targets.serial_target import SerialTarget

#: Made again on every kind of machine from the circuit's text, which is what counts.
BUILT = ("circuit/library.so", "circuit/library.json")
_COMMON = ("flows/attack", "flows/targets", "flows/campaign/bench.py")
_GOLDEN = ("hw", "flows/golden")
_CODE = {
    Engine.TORCH: ("brevitas_models", "flows/stages/networks.py"),
    Engine.ONNXRUNTIME: _GOLDEN,
    Engine.RTL: ("hw", "flows/simulate"),
    Engine.SERIAL: ("flows/link",),  # the circuit's own files are in its build id
    Engine.REMOTE: ("flows/remote",),
}
#: Of all targets, because attacks on scores may use torch too.
_TOOLS = ("brevitas", "numpy", "onnxruntime", "torch")


@dataclass(frozen=True, slots=True)
class Identity:
    """`content`: sha256 of the network's or circuit's files (a server's network id). `code`: sha256 of our source and
    the versions of the tools that answer and attack."""

    content: str
    code: str

    def __str__(self) -> str:
        return f"content {self.content[:12]}, code {self.code[:12]}"


def materials(spec: TargetSpec) -> dict[str, Path]:
    """The files that a target is made of, by their path inside its run. Raises FlowError where one is missing."""
    names = {
        Engine.TORCH: ("config.toml", f"train/{spec.network}.safetensors"),
        Engine.ONNXRUNTIME: ("compile/dataflow.json", "compile/dataflow.npz"),
        Engine.RTL: ("compile/dataflow.json", "compile/dataflow.npz", *BUILT),
        Engine.SERIAL: ("compile/dataflow.json", "compile/dataflow.npz"),
        Engine.REMOTE: (),
    }[spec.engine]
    run = Path(spec.run)
    found = {name: run / name for name in names}
    if spec.engine is Engine.RTL:
        rtl = sorted(path for path in (run / "circuit" / "rtl").glob("*") if path.is_file())
        found |= {f"circuit/rtl/{path.name}": path for path in rtl}
    for name, path in found.items():
        if not path.is_file():
            raise FlowError(f"target {spec.name}: expected {name} in the run {run}, got none; finish the run first")
    return found


def identity(spec: TargetSpec) -> Identity:
    """What decides this target's answers. Asks a remote one or a board. Raises FlowError where it is not there."""
    if spec.engine is Engine.REMOTE:
        with _remote(spec) as target:
            content = target.network
    else:
        files = {name: of_file(path) for name, path in materials(spec).items() if name not in BUILT}
        if spec.engine is Engine.SERIAL:
            with _serial(spec) as board:
                files["build"] = f"{board.link.identity.build_id:016x}"
        content = of_value(files)
    code = of_value([of_code(_COMMON + _CODE[spec.engine]), versions(_TOOLS)])
    return Identity(content, code)


def open_target(spec: TargetSpec) -> Target:
    """Opens a target for this process alone; `close_target` closes it. Raises FlowError."""
    if spec.engine is Engine.REMOTE:
        return _remote(spec)
    if spec.engine is Engine.SERIAL:
        return _serial(spec)
    if spec.engine is Engine.TORCH:
        from flows.campaign.torch_twin import open_twin

        return open_twin(Path(spec.run), spec.network)
    from hw.dataflow import Dataflow

    dataflow = Dataflow.load(Path(spec.run) / "compile")
    if spec.engine is Engine.RTL:
        from flows.targets.rtl_target import RtlTarget

        return RtlTarget(dataflow, Path(spec.run) / "circuit" / "library.so")
    from flows.targets.onnx_target import OnnxTarget

    return OnnxTarget(dataflow, threads=environment.threads())


def close_target(target: Target) -> None:
    """Frees what a target holds: a simulated circuit, a connection."""
    if hasattr(target, "close"):
        target.close()


def _remote(spec: TargetSpec) -> RemoteTarget:
    return RemoteTarget(spec.address, read_token(Path(spec.token_file)) if spec.token_file else None)


def _serial(spec: TargetSpec) -> SerialTarget:
    from flows.targets.serial_target import SerialTarget
    from hw.dataflow import Dataflow

    return SerialTarget(spec.address, Dataflow.load(Path(spec.run) / "compile"))
