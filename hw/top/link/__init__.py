"""The host link: a UART, request and answer frames, and the payload buffer between the host and the network."""

from __future__ import annotations

from pathlib import Path

# The package first: Verilator reads files in order.
SOURCES = (
    "link_pkg.sv",
    "uart_rx.sv",
    "uart_tx.sv",
    "link_frame_rx.sv",
    "link_frame_tx.sv",
    "link_queue.sv",
    "link_buffer.sv",
    "link_piece.sv",
    "link_check.sv",
    "link_requests.sv",
    "link_counters.sv",
    "link_words.sv",
    "link_update.sv",
    "link_top.sv",
)


def sources() -> list[Path]:
    """The link's SystemVerilog files, in an order that every tool accepts."""
    return [Path(__file__).parent / name for name in SOURCES]
