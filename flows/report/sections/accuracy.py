"""Section 2: accuracy clean and under attack for the three networks, and the audit of the defended one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flows.attack.batch import grid_epsilon
from flows.audit.meaning import MEANING
from flows.audit.verdict import About, Overall, Verdict, overall
from flows.report.record import Record
from flows.report.run_files import RunFiles

#: Networks of `attack.json` and how the page calls them.
NETWORKS = {
    "defended": "the defended network",
    "quantized": "the same network quantized without defence",
    "float": "the same network in floating point",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A share of images, 0..1, with its confidence interval and the number of images where they were recorded."""

    share: float
    low: float | None = None
    high: float | None = None
    images: int | None = None


@dataclass(frozen=True, slots=True)
class AttackRow:
    """One attack. `backward`: the backward pass it took gradients through, "" where it takes none; `survived`:
    share of images still classified right; `details`: name -> text."""

    name: str
    backward: str
    survived: float
    images: int
    queries: int
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    epsilon: float
    accuracy: Measure


@dataclass(frozen=True, slots=True)
class Check:
    """`about`: None in records of before checks said so; `advice`: what to do, "" where it passed."""

    name: str
    verdict: Verdict
    about: About | None
    value: str
    why: str
    advice: str

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.PASS


@dataclass(frozen=True, slots=True)
class Audit:
    """`overall`: by the rules of `flows.audit.verdict` from the checks that were recorded, None where there are none;
    `own_gradient`: under attacks along the network's own gradient; `zero_gradient_share`: share of exactly-zero input
    gradients, 0..1."""

    overall: Overall | None
    own_gradient: Measure | None
    zero_gradient_share: float | None
    checks: tuple[Check, ...]

    @property
    def warnings(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is Verdict.WARN)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    @property
    def meaning(self) -> str:
        """The verdict in plain words."""
        return MEANING[self.overall] if self.overall else ""


@dataclass(frozen=True, slots=True)
class Network:
    """`key`: one of NETWORKS; `bits`: e.g. `4-bit weights, 2-bit activations`, or ""."""

    key: str
    title: str
    bits: str
    clean: Measure | None
    attacks: tuple[AttackRow, ...]
    worst_case: Measure | None
    curve: tuple[Point, ...]
    audit: Audit | None

    @property
    def name(self) -> str:
        return NETWORKS[self.key]

    @property
    def pgd(self) -> float | None:
        """What survives the strongest PGD: the minimum over its backward passes and losses (`pgd`, `pgd-margin`)."""
        return min((row.survived for row in self.attacks if row.name.partition("-")[0] == "pgd"), default=None)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """`epsilon`: L-infinity budget, pixel units 0..1; `codes`: the same in 1/255 steps; `images`: attacked."""

    epsilon: float
    codes: int
    images: int
    networks: tuple[Network, ...]

    def network(self, key: str) -> Network | None:
        return next((network for network in self.networks if network.key == key), None)


def view(run: RunFiles) -> Accuracy | None:
    """What `attack.json` says; None where the attack stage has not run. Raises FlowError for a malformed record."""
    record = run.get("attack")
    if record is None:
        return None
    networks = record.child("networks")
    found = tuple(_network(key, networks.child(key)) for key in NETWORKS if networks.has(key))
    epsilon = record.share("epsilon")
    return Accuracy(epsilon, grid_epsilon(epsilon), record.integer("images"), found)


def _network(key: str, record: Record) -> Network:
    words = [f"{_bits(record, kind)} {what}" for kind, what in _BITS.items() if record.has(kind)]
    return Network(
        key,
        record.text("title") if record.has("title") else NETWORKS[key],
        ", ".join(words),
        _measure(record.child("clean")) if record.has("clean") else None,
        tuple(_attack(row) for row in record.children("attacks")) if record.has("attacks") else (),
        _measure(record.child("worst_case")) if record.has("worst_case") else None,
        _curve(record),
        _audit(record.child("audit")) if record.has("audit") else None,
    )


_BITS = {"weight_bits": "weights", "activation_bits": "activations"}


def _bits(record: Record, kind: str) -> str:
    """`4-bit`, or `4/2/2-bit` where every layer has its own width."""
    if isinstance(record.raw(kind), list):
        widths = record.items(kind)
        return "/".join(str(widths.integer(layer, 1, 64)) for layer in range(len(widths.value))) + "-bit"
    return f"{record.integer(kind, 1, 64)}-bit"


def _measure(record: Record) -> Measure:
    low = record.share("low") if record.has("low") else None
    high = record.share("high") if record.has("high") else None
    return Measure(record.share("accuracy"), low, high, record.integer("images") if record.has("images") else None)


def _attack(record: Record) -> AttackRow:
    details = record.child("details") if record.has("details") else None
    return AttackRow(
        record.text("name"),
        record.text("backward") if record.has("backward") else "",
        record.share("accuracy"),
        record.integer("images"),
        record.integer("queries"),
        {key: details.scalar(key) for key in details.value} if details else {},
    )


def _curve(record: Record) -> tuple[Point, ...]:
    if not record.has("curve"):
        return ()
    points = [Point(point.share("epsilon"), _measure(point)) for point in record.children("curve")]
    return tuple(sorted(points, key=lambda point: point.epsilon))


def _audit(record: Record) -> Audit:
    share = record.share("zero_gradient_share") if record.has("zero_gradient_share") else None
    own = _measure(record.child("own_gradient")) if record.has("own_gradient") else None
    checks = tuple(_check(check) for check in record.children("checks")) if record.has("checks") else ()
    verdict = overall((check.verdict, check.about) for check in checks) if checks else None
    return Audit(verdict, own, share, checks)


def _check(record: Record) -> Check:
    about = About(_one_of(record, "about", About)) if record.has("about") else None
    advice = record.text("do") if record.has("do") else ""
    verdict = Verdict(_one_of(record, "verdict", Verdict))
    return Check(record.text("name"), verdict, about, record.scalar("value"), record.text("why"), advice)


def _one_of(record: Record, key: str, kind: type[StrEnum]) -> str:
    value, known = record.text(key), [member.value for member in kind]
    if value not in known:
        raise record.wrong(key, " or ".join(map(repr, known)), value)
    return value
