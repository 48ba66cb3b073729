"""onnxruntime gives the integers of the numpy models, operator by operator."""

from __future__ import annotations

import numpy as np
import pytest

from flows.errors import FlowError
from flows.golden import session
from flows.golden.session import GoldenSession, frames_within
from hw.errors import HardwareError
from tests.flows.golden.small_dataflow import convolutional, linear


def _codes(frames: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (frames, 6, 6, 1), dtype=np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
@pytest.mark.parametrize("batch", [3, 256])
def test_every_operator_is_exact(dtype: type, batch: int) -> None:
    dataflow, codes = convolutional(0), _codes(11).astype(dtype)
    golden = GoldenSession(dataflow, batch=batch)
    between = golden.intermediates(codes)
    assert list(between) == [op.name for op in dataflow.ops]
    for op, expected in dataflow.trace(codes):
        assert between[op.name].dtype == np.int64
        assert np.array_equal(between[op.name], expected), op.name
    assert np.array_equal(golden.run(codes), dataflow.golden(codes))
    assert len(np.unique(between["act"])) == 4  # the thresholds are neither all passed nor all missed


def test_float32_is_given_up_where_it_would_round() -> None:
    weights, bias = np.full((2, 64), 127), np.array([1 << 30, (1 << 30) + 1])
    dataflow = linear(weights, bias)
    codes = np.full((1, 64), 255, np.uint8)
    assert np.array_equal(GoldenSession(dataflow).run(codes), [[2072640 + (1 << 30), 2072641 + (1 << 30)]])


def test_frames_are_taken_together_as_far_as_a_size_allows() -> None:
    dataflow = convolutional(0)
    frame = 8 * sum(stream.elements for stream in dataflow.streams.values())
    assert [frames_within(dataflow, size) for size in (1, frame, 3 * frame - 1, 1 << 40)] == [1, 1, 2, 256]


def test_no_frames_give_an_empty_result() -> None:
    assert GoldenSession(convolutional(0)).run(_codes(0)).shape == (0, 6)


def test_one_session_per_model_and_few_kept() -> None:
    first = GoldenSession(convolutional(1))
    assert GoldenSession(convolutional(1))._session is first._session
    assert GoldenSession(convolutional(2))._session is not first._session
    assert GoldenSession(convolutional(1), threads=2)._session is not first._session
    for seed in range(3, 3 + session.MAX_SESSIONS):
        GoldenSession(convolutional(seed))
    assert len(session._sessions) == session.MAX_SESSIONS
    assert GoldenSession(convolutional(1))._session is not first._session


def test_threads_are_set() -> None:
    options = GoldenSession(convolutional(1), threads=2)._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


@pytest.mark.parametrize("codes", [np.zeros((2, 6, 6, 2), np.uint8), np.zeros((2, 36), int), np.zeros((1, 6, 6, 1))])
def test_other_data_is_refused(codes: np.ndarray) -> None:
    with pytest.raises(FlowError, match=r"golden: expected integers of shape \(N, 6, 6, 1\), got"):
        GoldenSession(convolutional(0)).run(codes)


def test_codes_outside_the_input_type_are_refused() -> None:
    with pytest.raises(HardwareError, match=r"expected UINT8 \(0..255\), got 0..256"):
        GoldenSession(convolutional(0)).run(np.array([0] * 35 + [256]).reshape(1, 6, 6, 1))


def test_sizes_are_checked() -> None:
    with pytest.raises(FlowError, match="expected threads and batch of at least 1, got 0 and 256"):
        GoldenSession(convolutional(0), threads=0)
