"""The part of a dataflow that one operator's output depends on, as a dataflow of its own."""

from __future__ import annotations

from dataclasses import replace

from hw.dataflow import Dataflow, op_class
from hw.errors import HardwareError
from hw.op import Op, outputs_of, stream_names


def cut(dataflow: Dataflow, name: str) -> Dataflow:
    """The circuit that computes the output of the operator `name` and nothing else.

    Holds that operator and all that it depends on. A fork keeps the copies that somebody in there takes, and is gone
    where that is only one. Where the operator itself gives several streams, they come out side by side in the last
    axis, through a `fifo` each and a `concat`. The name of the result is `<dataflow.name>_<name>`. Raises
    HardwareError where there is no such operator.
    """
    target = next((op for op in dataflow.ops if op.name == name), None)
    if target is None:
        raise HardwareError(f"expected an operator of {dataflow.name}, got {name!r}")
    producer = {stream: op for op in dataflow.ops for stream in stream_names(op)}
    taken: set[str] = set(stream_names(target))
    needed, open_ops = {name}, [target]
    while open_ops:
        for stream in dataflow.sources[open_ops.pop().name]:
            taken.add(stream)
            source = producer.get(stream)  # None: the network's input
            if source is not None and source.name not in needed:
                needed.add(source.name)
                open_ops.append(source)
    renamed: dict[str, str] = {}
    ops, sources = [], {}
    for op in dataflow.ops:
        if op.name not in needed:
            continue
        before = tuple(renamed.get(stream, stream) for stream in dataflow.sources[op.name])
        if op.kind == "fork":
            kept = [stream for stream in stream_names(op) if stream in taken]
            if len(kept) == 1:
                renamed[kept[0]] = before[0]
                continue
            op = replace(op, copies=len(kept))
            renamed |= dict(zip(kept, stream_names(op), strict=True))
        ops.append(op)
        sources[op.name] = before
    joints, joint_sources = _joined(target)
    return Dataflow(f"{dataflow.name}_{name}", (*ops, *joints), sources | joint_sources)


def _joined(op: Op) -> tuple[list[Op], dict[str, tuple[str, ...]]]:
    """Operators that make one stream of all that `op` gives, and their sources; none where it gives only one."""
    if len(outputs_of(op)) == 1:
        return [], {}
    joints, sources = [], {}
    for name, stream in zip(stream_names(op), outputs_of(op), strict=True):
        wait = f"{name.replace('.', '_')}_wait"
        pixel = stream.shape[-1] // stream.parallel  # comes in while the concat is busy with the other streams
        joints.append(op_class("fifo")(wait, stream.shape, stream.dtype, stream.parallel, pixel + 2))
        sources[wait] = (name,)
    channels = tuple(stream.shape[-1] for stream in outputs_of(op))
    first, joint = outputs_of(op)[0], f"{op.name}_side_by_side"
    joints.append(op_class("concat")(joint, first.shape[:-1], channels, first.dtype, first.parallel))
    return joints, sources | {joint: tuple(sources)}
