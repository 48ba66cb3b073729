"""Section 1: the run told in plain words, every figure from the stage records."""

from __future__ import annotations

from dataclasses import dataclass

from flows.report.sections.accuracy import Accuracy
from flows.report.sections.circuit import Bitstream, Circuit, clock_mhz, frames_per_second
from flows.report.sections.exactness import Exactness
from flows.report.sections.hil import Hil
from flows.report.words import count, listing, percent, plain, thousands


@dataclass(frozen=True, slots=True)
class Card:
    """One big figure. `state`: `good`, `bad` or `` (no judgement)."""

    label: str
    value: str
    note: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    cards: tuple[Card, ...]
    story: tuple[str, ...]


def view(
    accuracy: Accuracy | None,
    exactness: Exactness | None,
    circuit: Circuit | None,
    bitstream: Bitstream | None,
    hil: Hil | None,
) -> Headline:
    """Cards and sentences for the parts that there are."""
    cards: list[Card] = []
    story: list[str] = []
    robust, attacked = _robust(accuracy), _attacked(hil)
    proven, fast, built = _exact(exactness), _fast(circuit, bitstream), _built(bitstream)
    for part in (robust, attacked, proven, fast, built):
        cards += part[0] if part else []
    for part in (robust, proven, fast, built, attacked):
        story += [part[1]] if part else []
    return Headline(tuple(cards), tuple(story))


def _robust(accuracy: Accuracy | None) -> tuple[list[Card], str] | None:
    network = accuracy.network("defended") if accuracy else None
    if network is None:
        return None
    cards, words = [], []
    if network.clean:
        cards.append(Card("Accuracy, clean", percent(network.clean.share), network.title))
        share = percent(network.clean.share)
        words.append(f"The defended network ({network.title}) reads {share} of clean images right.")
    if network.worst_case:
        budget = f"every pixel may change by {accuracy.codes}/255"
        share = percent(network.worst_case.share)
        attacks = count(len(network.attacks), "attack", "attacks")
        judged = f", {network.audit.overall}" if network.audit and network.audit.overall else ""
        cards.append(Card("Attacked, the network", share, f"worst of {attacks}{judged}"))
        words.append(f"When {budget} (ε = {plain(accuracy.epsilon)}), {share} are still right under the worst of")
        words.append(f"{attacks} on each image.")
        words += _twins(accuracy)
    twin = accuracy.network("quantized")
    if twin and twin.worst_case:
        judged = f", {twin.audit.overall}" if twin.audit and twin.audit.overall else ""
        cards.append(Card("Attacked, without defence", percent(twin.worst_case.share), f"{twin.title}{judged}"))
    if network.audit and network.audit.overall:
        audit = network.audit
        warned, failed = len(audit.warnings), len(audit.failures)
        found = f"{count(warned, 'warning', 'warnings')} and {count(failed, 'failure', 'failures')}"
        total = count(len(audit.checks), "check", "checks")
        words.append(f"The audit for hidden gradients calls this figure {audit.overall} ({found} in {total}).")
        words.append(audit.meaning)
    return cards, " ".join(words)


def _twins(accuracy: Accuracy) -> list[str]:
    twins = [accuracy.network(key) for key in ("quantized", "float")]
    kept = [f"{twin.name} keeps {percent(twin.worst_case.share)}" for twin in twins if twin and twin.worst_case]
    text = listing(kept)
    return [f"Under the same attacks {text}."] if kept else []


def _exact(exactness: Exactness | None) -> tuple[list[Card], str] | None:
    if exactness is None or exactness.judged is None:
        return None
    images = count(exactness.judged.images, "image", "images")
    names = listing([rung.name for rung in exactness.rungs])
    if exactness.mismatches:
        bad = listing([f"{rung.name} ({rung.mismatches:,})" for rung in exactness.rungs if rung.mismatches])
        text = f"The circuit is NOT proven exact: mismatches on {bad}. Section 4 names the first place that differs."
        card = Card("Mismatches", thousands(exactness.mismatches), f"over {names}", "bad")
    else:
        cases = count(exactness.excused, "excused case", "excused cases")
        but = f" but {cases} (section 4)" if exactness.excused else ""
        text = f"{names} agree on every integer{but}: {images} on the {exactness.judged.name} rung"
        text += f", {exactness.judged.adversarial:,} of them adversarial, and no mismatch anywhere."
        card = Card("Mismatches", "0", f"{images} on the {exactness.judged.name} rung", "good")
    return [card], text[0].upper() + text[1:]


def _fast(circuit: Circuit | None, bitstream: Bitstream | None) -> tuple[list[Card], str] | None:
    if circuit is None:
        return None
    rate = thousands(round(frames_per_second(circuit, bitstream)))
    clock = plain(clock_mhz(circuit, bitstream))
    text = (
        f"The circuit takes {count(circuit.cycles, 'clock cycle', 'clock cycles')} an image, {rate} images a second at "
        f"{clock} MHz; no schedule of this folding could take fewer than {circuit.bound:,}."
    )
    return [Card("Images a second", rate, f"{circuit.cycles:,} cycles at {clock} MHz")], text


def _built(bitstream: Bitstream | None) -> tuple[list[Card], str] | None:
    if bitstream is None:
        return None
    used = bitstream.used
    available = bitstream.available["lut4"]
    share = f"{percent(used['lut4'] / available)} of the device" if available else ""
    met = "good" if bitstream.timing_met else "bad"
    cards = [
        Card("LUT4", thousands(used["lut4"]), share),
        Card("Fastest clock", f"{plain(bitstream.fmax_mhz)} MHz", f"{plain(bitstream.clock_mhz)} MHz asked", met),
    ]
    verdict = "timing is met" if bitstream.timing_met else "timing is NOT met"
    text = (
        f"Placed and routed for {bitstream.board} ({bitstream.device}), it takes {used['lut4']:,} LUT4, "
        f"{count(used['ff'], 'flip-flop', 'flip-flops')}, {count(used['ebr'], 'block RAM', 'block RAMs')} and "
        f"{count(used['dsp'], 'multiplier', 'multipliers')}, and could run at {plain(bitstream.fmax_mhz)} MHz: "
        f"{verdict} at {plain(bitstream.clock_mhz)} MHz."
    )
    return cards, text


def _attacked(hil: Hil | None) -> tuple[list[Card], str] | None:
    if hil is None:
        return None
    share = percent(hil.accuracy)
    text = (
        f"Attacked through the circuit itself ({hil.target}) by {hil.attack} with {hil.queries:,} queries, "
        f"{share} of {count(hil.images, 'image', 'images')} stay right at ε = {plain(hil.epsilon)}."
    )
    return [Card("Attacked, the circuit", share, f"{hil.queries:,} queries to {hil.target}")], text
