"""Everything that a network's folding leaves open, and what each choice costs.

A matrix unit, a depthwise unit and a join decide how wide their streams are; all other operators follow. So a circuit's
cost is a sum: of what each decision costs with all that follows it at its width, and of what lies between two
decisions (converters, FIFOs, windows) at both of their widths. The assembler itself makes those operators here, each
alone, so that no cost is modelled twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from flows.compile.assemble import JOIN_DEPTH, Assembler
from flows.compile.folding.folding import Folding
from flows.compile.folding.options import Option, join_widths, options
from flows.compile.plan import AddPlan, ConcatPlan, DepthwisePlan, MatVecPlan, Plan, WindowPlan
from hw.errors import HardwareError
from hw.op import Op, Resources
from hw.stream import Stream
from hw.wiring import INPUT

UNITS = MatVecPlan | DepthwisePlan
JOINS = AddPlan | ConcatPlan


@dataclass(frozen=True, slots=True)
class Cost:
    """Of some operators: `resources`, and `cycles` of the slowest."""

    resources: Resources = Resources()
    cycles: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.resources + other.resources, max(self.cycles, other.cycles))

    @classmethod
    def of(cls, ops: Iterable[Op]) -> Cost:
        return sum((cls(op.resources(), op.cycles_per_frame) for op in ops), cls())


@dataclass(frozen=True)
class Link:
    """What lies between two decisions: `table` by the widths of the stream given and of the stream taken. `fifos`: by
    the latter, the FIFO in front of a join; it is not in the table, because its depth depends on the whole circuit."""

    producer: str
    consumer: str
    table: Mapping[tuple[int, int], Cost]
    fifos: Mapping[int, Op] = field(default_factory=dict)

    def fifo(self, width: int, held: Mapping[str, int]) -> Resources:
        """Of the join's FIFO where it must hold as many elements as `held` says by its name, or as few as can be."""
        if width not in self.fifos:
            return Resources()
        fifo = self.fifos[width]
        if fifo.name not in held:
            return fifo.least()
        return replace(fifo, depth=max(JOIN_DEPTH, -(-held[fifo.name] // width))).resources()


@dataclass
class Space:
    """`decisions`: name -> its options, each with its own cost and its followers'; the network's input is one with a
    single option. `links`: between them."""

    decisions: dict[str, list[Option]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)

    def cycles(self) -> list[int]:
        """Every number of cycles that some operator can take, none below the least that all can keep; rising."""
        every = [cycles for found in self._cycles().values() for cycles in found]
        floor = max(min(found) for found in self._cycles().values())
        return sorted({cycles for cycles in every if cycles >= floor})

    def fixed(self, cycles: int) -> list[str]:
        """The decisions that take so many cycles at any folding, with what follows or feeds them."""
        return sorted({names[-1] for names, found in self._cycles().items() if min(found) >= cycles})

    def _cycles(self) -> dict[tuple[str, ...], list[int]]:
        found = {(name,): [option.cycles for option in options] for name, options in self.decisions.items()}
        for index, link in enumerate(self.links):
            found[link.producer, str(index), link.consumer] = [cost.cycles for cost in link.table.values()]
        return found


def space(plans: list[Plan], source: Stream, fifo_depth: int, *, labels: bool) -> Space:
    """Raises HardwareError where some plan has no legal operator at any folding."""
    return _Builder(plans, fifo_depth).build(source, labels)


class _Builder:
    """`widths`: result of a plan -> its stream by width; `origin`: result of a plan -> the decision it follows."""

    def __init__(self, plans: list[Plan], fifo_depth: int) -> None:
        self.plans, self.fifo_depth = plans, fifo_depth
        self.space = Space()
        self.widths: dict[str, dict[int, Stream]] = {}
        self.origin: dict[str, str] = {}
        self.consumers = {name: sum(plan.inputs.count(name) for plan in plans) for name in self._names()}

    def _names(self) -> list[str]:
        return [INPUT, *(plan.name for plan in self.plans)]

    def build(self, source: Stream, labels: bool) -> Space:
        self.decide(INPUT, [Option(Folding(source.parallel), 0, source.parallel, Resources(), source.beats)], source)
        for plan in self.plans:
            if isinstance(plan, WindowPlan):
                continue  # with its unit
            if isinstance(plan, UNITS):
                self.unit(plan)
            elif isinstance(plan, JOINS):
                self.join(plan)
            else:
                self.follower(plan)
        last = self.plans[-1].name
        self.charge(last, lambda assembler, stream: assembler.end(stream, labels))
        return self.space

    def decide(self, name: str, found: list[Option], output: Stream) -> None:
        self.space.decisions[name] = found
        self.origin[name] = name
        self.widths[name] = {width: replace(output, parallel=width) for width in {o.given for o in found}}
        self.fork(name)

    def seeded(self, plans: list[Plan], chosen: Mapping[str, Folding], **streams: Stream) -> Assembler:
        """An assembler that has these results of other plans already."""
        assembler = Assembler(plans, chosen, self.fifo_depth)
        for name, stream in streams.items():
            label = INPUT if name == INPUT and self.consumers[INPUT] == 1 else f"from_{name}"
            assembler.streams[label] = stream
            assembler.given[name] = [label] * max(1, self.consumers[name])
        return assembler

    def charge(self, name: str, make: Callable[[Assembler, str], object]) -> None:
        """Adds the cost of the operators that `make` makes of a result to the decision that it follows."""
        costs: dict[int, Cost] = {}
        for width, stream in self.widths[name].items():
            assembler = self.seeded([], {}, **{name: stream})
            try:
                make(assembler, assembler.given[name][0])
                costs[width] = Cost.of(assembler.ops)
            except HardwareError as error:
                refusal = error
        if not costs:
            raise refusal
        origin = self.origin[name]
        self.space.decisions[origin] = [
            option.followed_by(costs[option.given].resources, costs[option.given].cycles)
            for option in self.space.decisions[origin]
            if option.given in costs
        ]

    def fork(self, name: str) -> None:
        if self.consumers[name] > 1:

            def make(assembler: Assembler, stream: str) -> None:
                assembler.consumers[name] = [None] * self.consumers[name]
                assembler.offer(name, stream)

            self.charge(name, make)

    def follower(self, plan: Plan) -> None:
        (source,) = plan.inputs
        self.origin[plan.name], self.widths[plan.name] = self.origin[source], {}

        def make(assembler: Assembler, stream: str) -> None:
            width = assembler.streams[stream].parallel
            result = assembler.HANDLERS[type(plan)](assembler, plan)
            self.widths[plan.name][width] = assembler.streams[result]

        self.charge(source, make)
        self.fork(plan.name)

    def unit(self, plan: MatVecPlan | DepthwisePlan) -> None:
        found, output = options(plan)
        windows = [p for p in self.plans if isinstance(p, WindowPlan) and p.name == plan.inputs[0]]
        source = windows[0].inputs[0] if windows else plan.inputs[0]

        def between(given: int, taken: int) -> list[Op]:
            folding = Folding(1, taken) if isinstance(plan, MatVecPlan) else Folding(taken)
            stream = self.widths[source][given]
            assembler = self.seeded([*windows, plan], {plan.name: folding}, **{source: stream})
            if windows:
                assembler.window(windows[0])
            else:
                assembler.matvec_input(plan)
            return assembler.ops

        self.link(source, plan.name, {option.taken for option in found}, between)
        self.decide(plan.name, found, output)

    def join(self, plan: AddPlan | ConcatPlan) -> None:
        found = []
        for pe in join_widths(plan):
            streams = {name: replace(next(iter(self.widths[name].values())), parallel=pe) for name in plan.inputs}
            assembler = self.seeded([plan], {plan.name: Folding(pe)}, **streams)
            result = assembler.streams[assembler.HANDLERS[type(plan)](assembler, plan)]
            op = assembler.ops[-1]
            found.append(Option(Folding(pe), pe, pe, op.resources(), op.cycles_per_frame))
        for index, source in enumerate(plan.inputs):
            fifos: dict[int, Op] = {}

            def between(given: int, taken: int, source: str = source, index: int = index, fifos=fifos) -> list[Op]:
                stream = self.widths[source][given]
                assembler = self.seeded([plan], {plan.name: Folding(taken)}, **{source: stream})
                assembler.join_input(plan, index)
                *converters, fifos[taken] = assembler.ops
                return converters

            self.link(source, plan.name, {option.taken for option in found}, between, fifos)
        self.decide(plan.name, found, result)

    def link(
        self,
        source: str,
        consumer: str,
        taken: set[int],
        between: Callable[[int, int], list[Op]],
        fifos: Mapping[int, Op] | None = None,
    ) -> None:
        table: dict[tuple[int, int], Cost] = {}
        for pair in ((given, wanted) for given in sorted(self.widths[source]) for wanted in sorted(taken)):
            try:
                table[pair] = Cost.of(between(*pair))
            except HardwareError as error:
                refusal = error
        if not table:
            raise refusal
        self.space.links.append(Link(self.origin[source], consumer, table, fifos or {}))
