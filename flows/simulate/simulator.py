"""`Simulator`: whole batches through a compiled circuit, cycle by cycle, with or without stalls on both sides."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.errors import FlowError
from flows.simulate.build import design_key
from flows.simulate.standstill import explain
from hw.dataflow import Dataflow
from hw.registers import contents, writes
from hw.stream import Stream
from hw.top.stitch import stitch

# Cycles between two returns to Python, so that an interrupt is heard within a second or so.
SLICE = 200_000
_PROGRESS = ("cycle", "beats_in", "beats_out", "idle", "written", "old_frames")
_RUNNING, _DONE, _STUCK, _UNSTABLE, _EXTRA = range(5)


class _Layout(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("beats", "parallel", "bits", "kind")]

    @classmethod
    def of(cls, stream: Stream) -> _Layout:
        kind = 2 if stream.dtype.bipolar else int(stream.dtype.signed)
        return cls(stream.beats, stream.parallel, stream.dtype.bits, kind)


class _Batch(ctypes.Structure):
    _fields_ = [
        ("input", _Layout),
        ("output", _Layout),
        *((name, ctypes.c_void_p) for name in ("codes", "results", "frame_cycles")),
        *((name, ctypes.c_int64) for name in ("frames", "watchdog")),
        *((name, ctypes.c_double) for name in ("stall_in", "stall_out")),
        *((name, ctypes.c_void_p) for name in ("streams", "writes")),
        *((name, ctypes.c_int64) for name in ("words", "write_cycle")),
    ]


class _Progress(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _PROGRESS]


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a batch of N frames gave.

    `outputs`: int64 (N, *output.shape). `frame_cycles`: int64 (N,), the cycle (0 is the first one after reset) in
    which the last output beat of each frame left. `cycles`: cycles until the last beat on either side had moved.
    `old_frames`: how many frames, the first ones, were computed before an update came in; N without one.
    """

    outputs: np.ndarray
    frame_cycles: np.ndarray
    cycles: int
    old_frames: int

    @property
    def latency(self) -> int:
        """Cycles from the start of the first frame to the end of its result, both included."""
        return int(self.frame_cycles[0]) + 1

    @property
    def initiation_interval(self) -> float:
        """Mean cycles between the results of consecutive frames. Raises FlowError for fewer than two frames."""
        frames = len(self.frame_cycles)
        if frames < 2:
            raise FlowError(f"expected at least 2 frames to measure an interval, got {frames}: simulate more")
        return float(self.frame_cycles[-1] - self.frame_cycles[0]) / (frames - 1)


class Simulator:
    """A compiled circuit, ready for batches; a context manager.

    `library`: what `build(dataflow, folder)` returned, with `rtl/` beside it. `dataflow`: what the circuit computes
    now, another one after `update`. Raises FlowError where either is missing or was made from another dataflow.
    """

    def __init__(self, dataflow: Dataflow, library: Path, files: Mapping[str, str] | None = None) -> None:
        self.dataflow = dataflow
        self._circuit = None
        self._half_written = False
        files = stitch(dataflow) if files is None else files
        rtl = library.resolve().parent / "rtl"
        for name, text in files.items():
            if name.endswith(".hex") and (not (rtl / name).is_file() or (rtl / name).read_text() != text):
                raise FlowError(f"{rtl / name}: expected this dataflow's memory, found none or another; build again")
        self._library = _load(library)
        if self._library.holdfast_design().decode() != design_key(files):
            raise FlowError(f"{library}: was built from another dataflow; build it again")
        self._circuit = self._library.holdfast_create(str(rtl).encode())
        if not self._circuit:
            raise FlowError(f"{rtl}: expected a folder with the circuit's memories; build again")

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the circuit; a closed simulator refuses to run."""
        if self._circuit:
            self._library.holdfast_destroy(self._circuit)
            self._circuit = None

    def run(
        self,
        codes: np.ndarray,
        *,
        stall_in: float = 0.0,
        stall_out: float = 0.0,
        seed: int = 0,
        watchdog: int | None = None,
        update: Dataflow | None = None,
        update_cycle: int = 0,
    ) -> SimulationResult:
        """Resets the circuit and sends it integers (N, *input.shape), one frame right after the other.

        `stall_in`, `stall_out`: probability, 0..1, that a side pauses in a cycle, drawn from `seed` (0..2**63-1).
        `watchdog`: cycles without a beat on either side after which the run is given up (default: from the operators'
        cycle counts). A circuit that stands still is run once more to say which operator waits for which stream.
        `update`: another dataflow, whose numbers are offered from `update_cycle` on, while frames come and go: the
        first `old_frames` of the result are computed with the old numbers, the rest with the new ones.

        Raises HardwareError for values outside the input type and for an update of what is not writable, FlowError for
        another shape, a closed simulator, a circuit that stands still, breaks the stream contract (valid or data change
        before ready) or emits more than its frames, and after an update that was broken off.
        """
        stream, out = self.dataflow.input, self.dataflow.output
        values = np.asarray(codes)
        if self._circuit is None:
            raise FlowError("this simulator is closed: make a new one")
        if self._half_written and update is None:
            raise FlowError("an update of this circuit was broken off: its numbers are mixed, update it again")
        if values.dtype.kind not in "iu" or values.shape[1:] != stream.shape:
            raise FlowError(f"expected integers of shape (N, {_sizes(stream)}), got {values.dtype} {values.shape}")
        if not (0 <= stall_in <= 1 and 0 <= stall_out <= 1):
            raise FlowError(f"expected stall probabilities from 0 to 1, got {stall_in} and {stall_out}")
        stream.dtype.check(values, "input")
        values = np.ascontiguousarray(values, dtype=np.int64)
        frames = len(values)
        outputs = np.zeros((frames, *out.shape), dtype=np.int64)
        frame_cycles = np.zeros(frames, dtype=np.int64)
        if watchdog is None:
            watchdog = 10_000 + 2 * sum(op.cycles_per_frame for op in self.dataflow.ops)
        pointers = (array.ctypes.data for array in (values, outputs, frame_cycles))
        batch = _Batch(_Layout.of(stream), _Layout.of(out), *pointers, frames, watchdog, stall_in, stall_out)
        words = self._words(update)
        batch.writes, batch.words, batch.write_cycle = words.ctypes.data, len(words), update_cycle
        self._half_written |= len(words) > 0
        status, progress = self._drive(batch, seed)
        if status == _STUCK:  # once more, watching every stream
            states = np.zeros((len(self.dataflow.streams), 3), dtype=np.int64)
            batch.streams = states.ctypes.data
            self._drive(batch, seed)
            raise FlowError(f"{self._complaint(status, progress, frames)}: {explain(self.dataflow, states, frames)}")
        if status != _DONE:
            raise FlowError(self._complaint(status, progress, frames))
        self._half_written = False
        self.dataflow = update or self.dataflow
        return SimulationResult(outputs, frame_cycles, progress.cycle, progress.old_frames if len(words) else frames)

    def update(self, new: Dataflow) -> int:
        """Rewrites the circuit's numbers so that it computes `new`; returns how many words it took.

        Raises HardwareError where anything else than writable numbers differs, FlowError as `run` does.
        """
        words = len(self._words(new))
        self.run(np.zeros((0, *self.dataflow.input.shape), np.int64), update=new)
        return words

    def _words(self, new: Dataflow | None) -> np.ndarray:
        """uint32 (words, 2): address and data of all that must be written for `new`."""
        change = [] if new is None else writes(self.dataflow, new)
        if new is not None and self._half_written:
            change = contents(new)
        return np.array(change, np.uint32).reshape(-1, 2)

    def _drive(self, batch: _Batch, seed: int) -> tuple[int, _Progress]:
        """Resets the circuit and runs the batch to its end or its failure."""
        self._library.holdfast_start(self._circuit, ctypes.byref(batch), seed)
        progress, status = _Progress(), _RUNNING
        while status == _RUNNING:
            status = self._library.holdfast_advance(self._circuit, SLICE, ctypes.byref(progress))
        return status, progress

    def _complaint(self, status: int, progress: _Progress, frames: int) -> str:
        stream, out = self.dataflow.input, self.dataflow.output
        done = (
            f"in cycle {progress.cycle}, after {progress.beats_in} of {frames * stream.beats} beats in "
            f"({progress.beats_in // stream.beats} of {frames} frames) and {progress.beats_out} of "
            f"{frames * out.beats} beats out ({progress.beats_out // out.beats} frames)"
        )
        if status == _STUCK:
            return f"{self.dataflow.name}: no beat moved for {progress.idle} cycles, {done}"
        if status == _UNSTABLE:
            return f"{self.dataflow.name}: valid or data out changed before ready, {done}: mend the last operator"
        return f"{self.dataflow.name}: an output beat too many, {done}: an operator emits more than its frame"


def _sizes(stream: Stream) -> str:
    return ", ".join(map(str, stream.shape))


def _load(path: Path) -> ctypes.CDLL:
    if not path.is_file():
        raise FlowError(f"{path}: expected a simulation library, found none; build it first")
    # The loader keeps what it once opened under a path; a link of a fresh name makes it look at a rebuilt file again.
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        link = Path(folder) / "library.so"
        link.symlink_to(path.resolve())
        try:
            library = ctypes.CDLL(str(link))
            library.holdfast_design.restype = ctypes.c_char_p
        except (OSError, AttributeError) as error:
            raise FlowError(f"{path}: expected a library for this machine, got {error}; build again") from error
    library.holdfast_create.argtypes = [ctypes.c_char_p]
    library.holdfast_create.restype = ctypes.c_void_p
    library.holdfast_start.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64]
    library.holdfast_start.restype = None
    library.holdfast_advance.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]
    library.holdfast_advance.restype = ctypes.c_int32
    library.holdfast_destroy.argtypes = [ctypes.c_void_p]
    library.holdfast_destroy.restype = None
    return library
