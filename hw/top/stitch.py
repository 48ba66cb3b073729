"""Dataflow to SystemVerilog: the operators' own files, their memories, and one top that connects them."""

from __future__ import annotations

import inspect
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hw.dataflow import Dataflow, op_class
from hw.errors import HardwareError
from hw.op import Module, Op, stream_names
from hw.registers import blocks

TEMPLATE = "stream_top.sv.j2"
CONFIG_PORT = "config_port.sv"


def top_module(dataflow: Dataflow) -> str:
    """Name of the stitched module, `<dataflow.name>_stream`; its file has the same name and `.sv`."""
    return f"{dataflow.name}_stream"


def instance_name(op: Op) -> str:
    """Name of an operator's instance in the top; the prefix keeps clear of Verilog's reserved words."""
    return f"u_{op.name}"


def stream_signals(dataflow: Dataflow) -> dict[str, tuple[str, str]]:
    """Stream name -> names of its valid and its ready signal in the top."""
    return {name: (f"s{index}_valid", f"s{index}_ready") for index, name in enumerate(dataflow.streams)}


def stitch(dataflow: Dataflow) -> dict[str, str]:
    """The circuit as {file name: text}, all in one folder.

    Holds every `.sv` that lies beside the descriptors of the operators used and in the rooms they build on, one
    `<op>_<parameter>.hex` per memory, and `<dataflow.name>_stream.sv` with the ports `clk`, `rst`,
    `in_data/in_valid/in_ready`, `out_data/out_valid/out_ready`; where operators are writable, `config_port.sv` too,
    and the ports `cfg_valid/cfg_ready/cfg_last/cfg_address/cfg_data` of the addresses in `hw/registers.py`. Memory
    paths are relative to that folder. Raises HardwareError where an operator lacks its source, a parameter does not
    fit in 64 bits, or two files would share a name.
    """
    files: dict[str, str] = {}
    instances = []
    writable = {block.op.name: block for block in blocks(dataflow)}
    if writable:
        _put(files, CONFIG_PORT, (Path(__file__).parent / CONFIG_PORT).read_text())
    for op in dataflow.ops:
        for source in _sources(op):
            _put(files, source.name, source.read_text())
        module = op.module()
        parameters = [(key, _literal(op, key, value)) for key, value in module.parameters.items()]
        for key, memory in module.memories.items():
            file = f"{op.name}_{key.lower()}.hex"
            _put(files, file, memory.hex())
            parameters.append((key, f'"{file}"'))
        instances.append({"name": instance_name(op), "module": module.name, "parameters": parameters})
        instances[-1] |= {"ports": _ports(dataflow, op, module), "block": writable.get(op.name)}
    links = [
        {
            "width": stream.width,
            "text": f"{'x'.join(map(str, stream.shape))} {stream.dtype.name}, {stream.parallel} per beat",
        }
        for stream in dataflow.streams.values()
    ]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    top = top_module(dataflow)
    frame = {"in_beats": dataflow.input.beats, "out_beats": dataflow.output.beats}
    text = environment.get_template(TEMPLATE).render(
        name=top, links=links, instances=instances, registers=frame if writable else None
    )
    _put(files, f"{top}.sv", text)
    return files


def write(dataflow: Dataflow, folder: Path) -> list[Path]:
    """Writes `stitch(dataflow)` into `folder` (made if missing) and returns the paths, sorted by name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in sorted(stitch(dataflow).items()):
        paths.append(folder / name)
        paths[-1].write_text(text)
    return paths


def _ports(dataflow: Dataflow, op: Op, module: Module) -> list[tuple[str, str]]:
    """(port, padded to one width; signal) of every stream of an instance. Stream i of the dataflow is `s<i>_*`."""
    place = {name: index for index, name in enumerate(dataflow.streams)}
    ports = []
    for side, names in (("in", dataflow.sources[op.name]), ("out", stream_names(op))):
        for wire in ("data", "valid", "ready"):
            signals = [f"s{place[name]}_{wire}" for name in names]
            if len(names) == 1:
                ports.append((f"{side}_{wire}", signals[0]))
            elif module.side_by_side:
                ports.append((f"{side}_{wire}", f"{{{', '.join(reversed(signals))}}}"))
            else:
                ports += [(f"{side}{index}_{wire}", signal) for index, signal in enumerate(signals)]
    width = max(len(port) for port, _ in ports)
    return [(port.ljust(width), signal) for port, signal in ports]


def _sources(op: Op) -> list[Path]:
    """The `.sv` files in the operator's room, which is the folder of its descriptor, and in those that it builds on."""
    module, room = op.module(), Path(inspect.getfile(type(op))).parent
    sources = sorted(room.glob("*.sv"))
    if not any(source.stem == module.name for source in sources):
        raise HardwareError(f"{op.name}: expected {module.name}.sv beside its descriptor, in {room}")
    others = (Path(inspect.getfile(op_class(kind))).parent for kind in module.rooms)
    return [*sources, *(source for other in others for source in sorted(other.glob("*.sv")))]


def _put(files: dict[str, str], name: str, text: str) -> None:
    if files.setdefault(name, text) != text:
        raise HardwareError(f"two different files would be named {name}: rename an operator")


def _literal(op: Op, parameter: str, value: int) -> str:
    value = int(value)
    if -(1 << 31) <= value < 1 << 31:
        return str(value)
    if -(1 << 63) <= value < 1 << 63:
        return f"{'-' if value < 0 else ''}64'sd{abs(value)}"
    raise HardwareError(f"{op.name}: expected parameter {parameter} to fit in 64 bits, got {value}")
