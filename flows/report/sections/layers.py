"""Part of section 2: what noise becomes on its way through the networks, and the thresholds of learned quantizers."""

from __future__ import annotations

from dataclasses import dataclass

from flows.report.record import Record
from flows.report.run_files import RunFiles
from flows.report.sections.accuracy import NETWORKS


@dataclass(frozen=True, slots=True)
class Network:
    """`adversarial`, `noise`: normalized distances at every block; `factors`: of the bound, one fewer (None: none);
    `product`: of all of them."""

    key: str
    title: str
    adversarial: tuple[float, ...]
    noise: tuple[float, ...]
    factors: tuple[float | None, ...]
    product: float | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of one layer: where the steps are and where the fixed quantizer has them, in units of its input."""

    name: str
    learned: tuple[float, ...]
    fixed: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Layers:
    """`blocks`: names, the input first, the logits last. `thresholds`: of the defended network."""

    blocks: tuple[str, ...]
    networks: tuple[Network, ...]
    thresholds: tuple[Thresholds, ...]


def view(run: RunFiles) -> Layers | None:
    """What `attack.json` says; None where it says nothing. Raises FlowError for a malformed record."""
    record = run.get("attack")
    networks = record.child("networks") if record else None
    there = [key for key in NETWORKS if networks and networks.has(key) and networks.child(key).has("layers")]
    if not there:
        return None
    found = {key: networks.child(key).child("layers") for key in there}
    thresholds = found["defended"].children("thresholds") if "defended" in found else ()
    return Layers(
        _texts(found[there[0]].items("blocks")),
        tuple(_network(key, networks.child(key), layers) for key, layers in found.items()),
        tuple(
            Thresholds(f"quantizer {index}", _numbers(layer, "learned"), _numbers(layer, "fixed"))
            for index, layer in enumerate(thresholds)
        ),
    )


def _network(key: str, network: Record, layers: Record) -> Network:
    factors = layers.items("factors")
    return Network(
        key,
        network.text("title") if network.has("title") else NETWORKS[key],
        _numbers(layers, "adversarial"),
        _numbers(layers, "noise"),
        tuple(factors.number(i) if factors.raw(i) is not None else None for i in range(len(factors.value))),
        layers.number("product") if layers.has("product") else None,
    )


def _numbers(record: Record, key: str) -> tuple[float, ...]:
    items = record.items(key)
    return tuple(items.number(index, low=-1e9) for index in range(len(items.value)))


def _texts(items: Record) -> tuple[str, ...]:
    return tuple(items.text(index) for index in range(len(items.value)))
