"""`python -m benchmarks.simulate MODEL.onnx MNIST`: images a second of the golden model, the circuit and what they are
measured against, all in one run."""

from __future__ import annotations

import argparse
import ctypes
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from benchmarks import under_cocotb
from benchmarks.record import emit, versions
from brevitas_models.data import mnist
from flows.compile.compiler import compile_model
from flows.compile.input_map import guess, write_with_pixels
from flows.config import CompileConfig
from flows.golden.session import GoldenSession
from flows.simulate import Simulator, build, run_parallel
from hw.dataflow import Dataflow

BARE_LOOP = Path(__file__).with_name("bare_loop.cpp")
REPEATS = 3


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def reference(model: Path, images: np.ndarray) -> tuple[np.ndarray, float]:
    """Labels by the QONNX executor, one image after the other, and images a second."""
    graph = ModelWrapper(str(model)).transform(InferShapes())
    tensor, result = graph.graph.input[0].name, graph.graph.output[0].name
    values = images.astype(np.float32)[:, None]  # (N, 1, 1, 28, 28)
    labels: list[int] = []

    def run() -> None:
        labels.extend(int(execute_onnx(graph, {tensor: value})[result].reshape(-1).argmax()) for value in values)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that the file states wrongly; printing them takes long
        taken = seconds(run)
    return np.array(labels), len(images) / taken


def bare_loop(dataflow: Dataflow, folder: Path, codes: np.ndarray, cycles: int) -> float:
    """Cycles a second of the circuit with nothing around it. One element a beat."""
    assert dataflow.input.parallel == 1, "the compiled networks take one element a beat"
    library = ctypes.CDLL(str(build(dataflow, folder, BARE_LOOP).resolve()))
    library.bare_loop.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
    library.bare_loop.restype = ctypes.c_int64
    data = np.ascontiguousarray(codes.reshape(-1) & (1 << dataflow.input.dtype.bits) - 1, dtype=np.uint64)
    rtl = str((folder / "rtl").resolve()).encode()
    home = Path.cwd()
    try:
        return cycles / seconds(lambda: library.bare_loop(rtl, data.ctypes.data, len(data), cycles))
    finally:
        os.chdir(home)


def drivers(dataflow: Dataflow, folder: Path, codes: np.ndarray) -> dict[str, float]:
    """Cycles a second of our driver and of the bare loop, alternating; medians of REPEATS."""
    ours, bare = [], []
    with Simulator(dataflow, build(dataflow, folder / "driver")) as simulator:
        cycles = simulator.run(codes).cycles
        for _ in range(REPEATS):
            ours.append(cycles / seconds(lambda: simulator.run(codes)))
            bare.append(bare_loop(dataflow, folder / "bare", codes, cycles))
    return {
        "driver_cycles_per_second": round(median(ours)),
        "bare_loop_cycles_per_second": round(median(bare)),
        "driver_over_bare_loop": round(median(ours) / median(bare), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a QONNX file of 28x28 images, such as TFC_2W2A.onnx")
    parser.add_argument("mnist", type=Path, help="folder of the four original files")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/simulate.json"))
    parser.add_argument("--fps", type=int, default=100_000, help="frames a second that the circuit is folded for")
    parser.add_argument("--clock", type=float, default=100.0, help="its clock, MHz")
    parser.add_argument("--reference-images", type=int, default=500)
    parser.add_argument("--driver-images", type=int, default=200)
    parser.add_argument("--cocotb-images", type=int, default=20)
    parser.add_argument("--rtl-images", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    images = mnist.load(str(arguments.mnist)).test_x
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        folder = Path(name)
        config = CompileConfig(target_fps=arguments.fps, clock_mhz=arguments.clock, fifo_depth=4)
        model = folder / arguments.model.name
        write_with_pixels(arguments.model, model, guess(arguments.model))
        dataflow = compile_model(model, folder, config)
        codes = images.transpose(0, 2, 3, 1).reshape(-1, *dataflow.input.shape).astype(np.int64)
        record: dict[str, object] = {"model": arguments.model.name, "versions": versions()}
        record["cycles_per_frame"] = dataflow.cycles_per_frame_bound

        session = GoldenSession(dataflow)
        session.run(codes[:256])
        golden = [len(codes) / seconds(lambda: session.run(codes)) for _ in range(REPEATS)]
        labels, speed = reference(model, images[: arguments.reference_images])
        expected = session.run(codes[: arguments.rtl_images])
        record |= {
            "golden_images_per_second": round(median(golden)),
            "qonnx_images_per_second": round(speed, 2),
            "golden_over_qonnx": round(median(golden) / speed, 1),
            "same_labels": int((dataflow.result(expected[: len(labels)]).labels == labels).sum()),
            "reference_images": len(labels),
        }
        record |= drivers(dataflow, folder, codes[: arguments.driver_images])
        few = codes[: arguments.cocotb_images]
        seen, speed = under_cocotb.scores(dataflow, folder / "driver" / "rtl", folder / "cocotb", few)
        record |= {
            "cocotb_cycles_per_second": round(speed),
            "driver_over_cocotb": round(record["driver_cycles_per_second"] / speed, 1),
            "cocotb_images": len(few),
            "cocotb_mismatches": int((seen != expected[: len(few)]).any(axis=1).sum()),
        }
        library, part = build(dataflow, folder / "driver"), codes[: arguments.rtl_images]
        results: list[np.ndarray] = []
        taken = seconds(lambda: results.append(run_parallel(dataflow, library, part, arguments.workers)))
        record |= {
            "rtl_images": len(part),
            "rtl_workers": arguments.workers,
            "rtl_seconds": round(taken, 1),
            "rtl_images_per_second": round(len(part) / taken, 1),
            "rtl_mismatches": int((results[0] != expected).any(axis=1).sum()),
        }
    emit(record, arguments.out)


if __name__ == "__main__":
    main()
