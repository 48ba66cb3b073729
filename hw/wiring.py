"""Which stream goes where: the names of a dataflow's streams, and the check that they make a graph without loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hw.errors import HardwareError
from hw.op import Op, inputs_of, outputs_of, stream_names
from hw.stream import Stream

#: Name of the network's input stream.
INPUT = "input"


def chain(ops: Sequence[Op]) -> dict[str, tuple[str, ...]]:
    """Each operator takes what the one before it gives."""
    before = [INPUT, *(op.name for op in ops)]
    return {op.name: (name,) for op, name in zip(ops, before, strict=False)}


def named(ops: Sequence[Op], sources: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """`sources` in the order of `ops`. Raises HardwareError unless every operator has a list of stream names."""
    names = [op.name for op in ops]
    if sorted(sources) != sorted(names):
        raise HardwareError(f"expected sources of {', '.join(names)}, got those of {', '.join(map(str, sources))}")
    for name, streams in sources.items():
        if not isinstance(streams, list | tuple) or not all(isinstance(stream, str) for stream in streams):
            raise HardwareError(f"{name}: expected a list of stream names, got {streams!r}")
    return {name: tuple(sources[name]) for name in names}


def check(ops: Sequence[Op], sources: Mapping[str, tuple[str, ...]]) -> None:
    """Raises HardwareError unless every stream is given before it is taken, goes to exactly one operator and fits
    its port, and nothing but the last operator's only stream is left over."""
    waiting: dict[str, Stream | None] = {INPUT: None}  # given, not yet taken; the input is what its port expects
    taken: dict[str, str] = {}
    for op in ops:
        ports, names = inputs_of(op), sources[op.name]
        if not ports or len(names) != len(ports):
            raise HardwareError(f"{op.name}: expected {len(ports)} streams, got {len(names)}: {', '.join(names)}")
        for name, port in zip(names, ports, strict=True):
            if name in taken:
                raise HardwareError(f"{name} goes to {taken[name]} and to {op.name}: copy it with a fork")
            if name not in waiting:
                given = ", ".join(waiting)
                raise HardwareError(f"{op.name}: expected a stream given before it ({given}), got {name!r}")
            taken[name] = op.name
            _fit(name, waiting.pop(name), op.name, port)
        waiting |= dict(zip(stream_names(op), outputs_of(op), strict=True))
    last = stream_names(ops[-1])
    if len(last) != 1:
        raise HardwareError(f"the network has one output, but its last operator gives {', '.join(last)}")
    if unused := [name for name in waiting if name != last[0]]:
        raise HardwareError(f"nothing takes {', '.join(unused)}: every stream but the last goes to one operator")


def _fit(name: str, given: Stream | None, consumer: str, port: Stream) -> None:
    if given is None:
        return
    fits = given.elements == port.elements and given.dtype == port.dtype and given.parallel == port.parallel
    if not fits or (given.shape != port.shape and len(given.shape) == 3 and len(port.shape) == 3):
        raise HardwareError(f"{name} gives {given}, but {consumer} expects {port}")
