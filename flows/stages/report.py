"""report: the page and the summary, from the other stages' records alone."""

from __future__ import annotations

from flows.run.stage import Context, Stage


def run(context: Context) -> None:
    from flows.report import page
    from flows.report.summary import write_summary

    write_summary(context.run)
    page.write(context.run)


STAGE = Stage(
    "report",
    run,
    inputs=("data", "train", "attack", "export", "compile", "circuit", "verify", "bitstream", "netlist", "hil"),
    sections=(
        *(
            "name",
            "seed",
            "data",
            "network",
            "quant",
            "defence",
            "train",
            "attack",
            "compile",
            "verify",
            "board",
            "hil",
        ),
    ),
    code=("flows/report", "flows/stages/report.py"),
    tools=("jinja2",),
    beside=("report.html", "summary.json"),
)
