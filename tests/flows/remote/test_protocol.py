"""Frames: what is packed is what is parsed, and no bytes do more than raise ProtocolError."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.remote import protocol
from flows.remote.protocol import ProtocolError, Welcome

WELCOME = Welcome(1, "rtl", "0" * 64, (2, 3, 4), 7, "uint8", 5)
LIMITS = {protocol.PREDICT: protocol.predict_limit(WELCOME), protocol.HELLO: protocol.MAX_SMALL}
PARSERS = (
    lambda data: protocol.parse_header((data + bytes(12))[:12], LIMITS),
    lambda data: protocol.parse_predict(data, WELCOME),
    lambda data: protocol.parse_scores(data, 3, 7),
    protocol.parse_challenge,
    protocol.parse_hello,
    protocol.parse_welcome,
    protocol.parse_error,
    protocol.request_number,
)


@pytest.mark.parametrize("parse", PARSERS)
@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda tail: b"HFR1\x04\0\0\0" + tail)))
def test_any_bytes_are_parsed_or_refused(parse: Callable, data: bytes) -> None:
    try:
        parse(data)
    except ProtocolError as error:
        assert "expected" in str(error)


@given(data=st.recursive(st.none() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5))
def test_any_json_is_no_welcome(data: object) -> None:
    import json

    fields = {"version", "target", "network", "shape", "classes", "dtype", "max_images"}
    for record in (data, dict.fromkeys(fields, data), {**dict.fromkeys(fields, data), "shape": [1, 2, 3]}):
        with pytest.raises(ProtocolError):
            protocol.parse_welcome(json.dumps(record).encode())


@given(count=st.integers(1, 5), request=st.integers(0, 2**32 - 1), seed=st.integers(0, 99))
def test_images_and_scores_arrive_as_they_were(count: int, request: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 2, 3, 4), dtype=np.uint8)
    payload = protocol.pack_predict(request, images)
    assert protocol.request_number(payload) == request and len(payload) <= protocol.predict_limit(WELCOME)
    assert np.array_equal(protocol.parse_predict(payload, WELCOME), images)
    limits = np.iinfo(np.int64)
    scores = rng.integers(limits.min, limits.max, (count, 7), endpoint=True)
    payload = protocol.pack_scores(request, scores)
    assert protocol.request_number(payload) == request and len(payload) <= protocol.scores_limit(WELCOME)
    found = protocol.parse_scores(payload, count, 7)
    assert found.dtype == np.int64 and np.array_equal(found, scores)


def test_the_layout_is_the_documented_one() -> None:
    """docs/remote.md, byte by byte: a server written from that page must understand these."""
    image = np.arange(24, dtype=np.uint8).reshape(1, 2, 3, 4)
    request = protocol.frame(protocol.PREDICT, protocol.pack_predict(258, image))
    assert request == b"HFR1\x04\0\0\0\0\0\0\x20" + b"\0\0\1\2" + b"\0\0\0\1" + bytes(range(24))
    scores = protocol.frame(protocol.SCORES, protocol.pack_scores(258, np.array([[-2, 3]])))
    assert scores == (
        b"HFR1\x05\0\0\0\0\0\0\x1c" + b"\0\0\1\2\0\0\0\1\0\0\0\2" + b"\xfe" + b"\xff" * 7 + b"\3" + bytes(7)
    )
    proof = protocol.proof("a token of enough characters", bytes(range(32)))
    assert proof.hex() == "6d7def5c09baa671621759f00f318e5fffeb96fbb8e576febf1bfb3be958b751"
    assert protocol.is_proof(proof, "a token of enough characters", bytes(range(32)))
    assert not protocol.is_proof(proof[:-1] + b"\0", "a token of enough characters", bytes(range(32)))
