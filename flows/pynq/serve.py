"""Answers for the accelerator over the network. On the board, in the package's folder:

python3 -m flows.pynq.serve --host 0.0.0.0 --token-file token
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import signal
import sys
from pathlib import Path

from flows.errors import FlowError
from flows.pynq.check import FILE, check
from flows.pynq.driver import Accelerator
from flows.pynq.interface import Interface, read_interface
from flows.remote.protocol import VERSION, Welcome
from flows.remote.server import Server

INTERFACE, PACKAGE = "interface.json", "package.json"
MAX_IMAGES = 256
REQUEST_BYTES = 1 << 20


def main(arguments: list[str] | None = None, folder: Path = Path()) -> int:
    options = _parser().parse_args(arguments)
    try:
        package = json.loads((folder / PACKAGE).read_text())
        interface = read_interface(folder / INTERFACE)
        accelerator = Accelerator(interface, options.bitfile or folder / "bitfile" / package["bitfile"])
        print(f"{check(accelerator.predict, folder / FILE)} stored images: scores as the golden model's", flush=True)
        if not options.check:
            asyncio.run(_serve(accelerator, _welcome(package, interface), options))
    except (FlowError, OSError, ValueError, KeyError) as error:
        print(f"holdfast: {error if isinstance(error, FlowError) else repr(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m flows.pynq.serve", description="Serves the accelerator.")
    parser.add_argument("--bitfile", type=Path, help="instead of the package's")
    parser.add_argument("--check", action="store_true", help="only compare the stored images, then stop")
    parser.add_argument("--host", default="127.0.0.1", help="other addresses than loopback need a token")
    parser.add_argument("--port", type=int, default=4950)
    parser.add_argument("--token-file", type=Path, help="one line of at least 16 characters")
    return parser


def _welcome(package: dict, interface: Interface) -> Welcome:
    images = max(1, min(MAX_IMAGES, REQUEST_BYTES // max(math.prod(interface.image), 8 * interface.classes)))
    return Welcome(VERSION, package["board"], package["network"], interface.image, interface.classes, "uint8", images)


async def _serve(accelerator: Accelerator, welcome: Welcome, options: argparse.Namespace) -> None:
    token = options.token_file.read_text().strip() if options.token_file else None
    server = Server(accelerator.predict, welcome, options.host, options.port, token=token, log=print)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    where = f"{welcome.target}, network {welcome.network[:12]}, at {options.host}"
    await server.run(lambda port: print(f"serving {where}:{port}", flush=True), stop)


if __name__ == "__main__":
    sys.exit(main())
