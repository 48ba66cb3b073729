"""The part of a dataflow that one operator's output depends on, as a dataflow of its own."""

from __future__ import annotations

from dataclasses import replace

from hw.dataflow import Dataflow
from hw.errors import HardwareError
from hw.op import outputs_of, stream_names


def cut(dataflow: Dataflow, name: str) -> Dataflow:
    """The circuit that computes the output of the operator `name` and nothing else.

    Holds that operator and all that it depends on. A fork keeps the copies that somebody in there takes, and is gone
    where that is only one. The name of the result is `<dataflow.name>_<name>`. Raises HardwareError where there is no
    such operator, or it gives several streams.
    """
    target = next((op for op in dataflow.ops if op.name == name), None)
    if target is None or len(outputs_of(target)) != 1:
        raise HardwareError(f"expected an operator of one output in {dataflow.name}, got {name!r}")
    producer = {stream: op for op in dataflow.ops for stream in stream_names(op)}
    taken: set[str] = set()
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
    return Dataflow(f"{dataflow.name}_{name}", tuple(ops), sources)
