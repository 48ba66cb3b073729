"""Boards and accelerators that are plugged in, as the kernel and the drivers tell it."""

from __future__ import annotations

import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from flows.doctor.finding import Finding, State

BOARDS, ACCELERATORS = "boards", "accelerators"
SYS = Path("/sys/bus")
ULX3S_USB = {("0403", "6015"), ("0403", "6010")}
"""Vendor and product of the FTDI bridges on a ULX3S."""
XILINX_PCI = "0x10ee"
SECONDS = 30


def find_devices(sys: Path = SYS, model: Path = Path("/proc/device-tree/model")) -> list[Finding]:
    """`sys`: where the kernel lists its buses; `model`: where it names the board it runs on."""
    return [_ulx3s(sys), _pynq(model), _alveo(sys), _nvidia()]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _ulx3s(sys: Path) -> Finding:
    found = [
        _read(device / "product") or device.name
        for device in _entries(sys / "usb" / "devices")
        if (_read(device / "idVendor"), _read(device / "idProduct")) in ULX3S_USB
    ]
    return _device("ULX3S", BOARDS, ", ".join(found), "the board rung", "plug a ULX3S-85F into a USB port")


def _pynq(model: Path) -> Finding:
    name = _read(model)
    detail = ""
    if any(word in name for word in ("Zynq", "PYNQ", "Pynq", "Ultra96", "Kria", "KV260", "ZCU")):
        detail = f"{name}, {_pynq_package()}"
    return _device("PYNQ", BOARDS, detail, "serving a bitfile (the package of build-amd)", "run this on the board")


def _pynq_package() -> str:
    try:
        return f"pynq {metadata.version('pynq')}"
    except metadata.PackageNotFoundError:
        return "without the package pynq"


def _alveo(sys: Path) -> Finding:
    found = [card.name for card in _entries(sys / "pci" / "devices") if _read(card / "vendor") == XILINX_PCI]
    return _device("Alveo", BOARDS, ", ".join(found), "an Alveo bitfile", "put an Alveo card into the machine")


def _nvidia() -> Finding:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    get = "fit an NVIDIA GPU, install its driver and PyTorch's CUDA build"
    enables = "training and attacks on the GPU"
    if shutil.which(query[0]) is None:
        return Finding("NVIDIA GPU", ACCELERATORS, State.MISSING, "", enables, get)
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("NVIDIA GPU", ACCELERATORS, State.BROKEN, str(error), enables, get)
    cards = "; ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
    if done.returncode or not cards:
        why = "".join((done.stdout + done.stderr).splitlines()[:1])
        return Finding("NVIDIA GPU", ACCELERATORS, State.BROKEN, f"nvidia-smi: {why}", enables, get)
    if build := _cpu_build():
        get = "pip install --no-deps --force-reinstall torch with PyTorch's CUDA index"
        return Finding("NVIDIA GPU", ACCELERATORS, State.BROKEN, f"{cards}; but torch is {build}", enables, get)
    return Finding("NVIDIA GPU", ACCELERATORS, State.FOUND, cards, enables, get)


def _cpu_build() -> str:
    """Version of a torch that was built without CUDA, else nothing. Torch itself is not imported."""
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return "not installed"
    return version if version.endswith("+cpu") else ""


def _device(name: str, group: str, detail: str, enables: str, get: str) -> Finding:
    return Finding(name, group, State.FOUND if detail else State.MISSING, detail, enables, get)
