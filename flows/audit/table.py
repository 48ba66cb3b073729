"""The audit as tables for the terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.audit.meaning import MEANING
from flows.audit.verdict import Overall, Verdict

_COLOURS = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
_OVERALL = {Overall.SOUND: "bold green", Overall.SUSPICIOUS: "bold yellow", Overall.MASKED: "bold red"}


def audit_tables(record: dict, names: tuple[str, ...] | None = None) -> Group:
    """`record`: of `audit.json` (docs/audit.md). Per network named (by default all): its figures, every check, and
    for those that did not pass why and what to do; then the verdict and its meaning."""
    parts: list[object] = []
    for name in names or tuple(record["networks"]):
        network = record["networks"][name]
        parts += [_figures(name, network, record), _checks(network["audit"]["checks"])]
        parts += _reasons(network["audit"]["checks"])
        overall = Overall(network["audit"]["verdict"])
        parts.append(Text.assemble(f"{name}: ", (overall.value, _OVERALL[overall]), f". {MEANING[overall]}\n"))
    return Group(*parts)


def _share(measure: dict) -> str:
    low, high = 100 * measure["low"], 100 * measure["high"]
    return f"{100 * measure['accuracy']:.2f} % ({low:.1f} to {high:.1f}) of {measure['images']:,}"


def _figures(name: str, network: dict, record: dict) -> Table:
    table = Table(
        title=f"{name}: {network['title']}, epsilon {record['epsilon']:g}, seed {record['seed']}",
        title_justify="left",
        show_header=False,
    )
    table.add_row("clean", _share(network["clean"]))
    table.add_row("attacked along its own gradient", _share(network["audit"]["own_gradient"]))
    table.add_row("worst case of all attacks", _share(network["worst_case"]))
    return table


def _checks(checks: list[dict]) -> Table:
    table = Table("check", "about", "verdict")
    table.add_column("against", justify="right")
    table.add_column("seen")
    for check in checks:
        verdict = Verdict(check["verdict"])
        share = f"{100 * check['share']:.1f} % of {check['images']:,}"
        table.add_row(check["name"], check["about"], Text(verdict.value, _COLOURS[verdict]), share, check["value"])
    return table


def _reasons(checks: list[dict]) -> list[Text]:
    return [
        Text.assemble(("* ", _COLOURS[Verdict(check["verdict"])]), (check["name"], "bold"), f": {check['why']}",
                      f" What to do: {check['do']}")
        for check in checks
        if check["verdict"] != Verdict.PASS
    ]  # fmt: skip
