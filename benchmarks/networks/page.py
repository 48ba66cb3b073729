"""`docs/networks.md`, from `results/networks.json` alone."""

from __future__ import annotations

from flows.report.markdown import markdown_table

BEGIN, END = "<!-- networks: made by `python -m benchmarks.networks table`; do not edit -->", "<!-- end of networks -->"
RUNGS = ("qonnx", "golden", "finn", "rtl")


def tables(record: dict) -> str:
    """Three Markdown tables: the ladder, the boards by estimate, what was placed and routed."""
    networks = record["networks"]
    return "\n\n".join(
        [
            "### The ladder", _ladder(networks),
            f"### Boards, by estimate at {record['clock_mhz']:g} MHz", _boards(networks),
            "### Placed and routed", _placed(networks),
        ]
    )  # fmt: skip


def _ladder(networks: list[dict]) -> str:
    rungs = (f"mismatches / images: {name}" for name in RUNGS)
    head = ["network", "weights", *rungs, "cycles a frame (bound)", "accuracy"]
    return markdown_table(head, [_ladder_row(network) for network in networks])


def _ladder_row(network: dict) -> list[str]:
    start = [network["title"], f"{network['weights']:,}, {network['weights_from']}"]
    seen = network["ladder"]
    if seen is None:
        return [*start, *["not run"] * (len(RUNGS) + 2)]
    rungs = {rung["rung"]: rung for rung in seen["rungs"]}
    cells = [_rung(rungs.get(name)) for name in RUNGS]
    clean = seen.get("clean")
    accuracy = f"{clean['accuracy'] * 100:.2f} % of {clean['images']:,}" if clean else "-"
    return [*start, *cells, f"{seen['cycles_per_frame']:,} ({seen['cycles_per_frame_bound']:,})", accuracy]


def _rung(rung: dict | None) -> str:
    if rung is None or "unavailable" in rung:
        return "not available"
    excused = f" ({rung['excused_images']} excused)" if rung["excused_images"] else ""
    return f"{rung['mismatches']} / {rung['images']}{excused}"


def _boards(networks: list[dict]) -> str:
    names = [cell["board"] for cell in networks[0]["boards"]]
    head = ["network", "products a frame", *(f"`{name}`" for name in names)]
    rows = [
        [network["title"], f"{network['multiplications'] / 1e6:,.2f} M", *map(_cell, network["boards"])]
        for network in networks
    ]
    return markdown_table(head, rows)


def _cell(cell: dict) -> str:
    if cell["short"]:
        return f"no: {', '.join(cell['short'])}"
    used = cell["estimate"]
    rate = cell["frames_per_second"]
    return f"{rate:,.0f} frames/s; {used['lut4']:,} LUT4, {used['ebr']} EBR, {used['dsp']} DSP"


def _placed(networks: list[dict]) -> str:
    head = ["network", "board", "LUT4 (estimate)", "FF", "EBR", "DSP", "slices", "Fmax", "frames/s at the clock"]
    rows = []
    for network in networks:
        if found := network["placed"]:
            there, estimate = found["available"], network["circuit"]["estimate"]
            cells = [
                f"{found['lut4']:,} of {there['lut4']:,} ({estimate['lut4']:,})",
                f"{found['ff']:,}", f"{found['ebr']} of {there['ebr']}", f"{found['dsp']} of {there['dsp']}",
                f"{found['slices']:,} of {there['lut4'] // 2:,}", f"{found['fmax_mhz']:.1f} MHz",
                f"{found['frames_per_second']:,.0f} at {found['clock_mhz']:g} MHz",
            ]  # fmt: skip
            rows.append([network["title"], f"`{found['board']}`", *cells])
    return markdown_table(head, rows) if rows else "Nothing yet."
