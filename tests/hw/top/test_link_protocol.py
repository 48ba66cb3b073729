"""The host's half of the link: checksum, encoder, decoder."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import HardwareError
from hw.top import link
from hw.top.link import protocol
from hw.top.link.identity import Feature, Identity, Layout
from hw.top.link.protocol import Counters, Decoder, Frame, Kind, LinkError, Refusal, encode_frame, encode_request

FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.binary(max_size=40))


def encoded(frame: Frame) -> bytes:
    return encode_frame(frame.kind, frame.sequence, frame.payload, frame.version)


def bitwise_crc(data: bytes) -> int:
    """The definition: polynomial division one bit at a time, in reflected order."""
    remainder = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            low = (remainder ^ byte >> bit) & 1
            remainder = (remainder >> 1) ^ (0xEDB88320 if low else 0)
    return remainder ^ 0xFFFFFFFF


def test_crc_is_the_published_one():
    assert bitwise_crc(b"123456789") == 0xCBF43926
    frame = encode_frame(0x81, 0, b"123456789")
    assert int.from_bytes(frame[-4:], "little") == bitwise_crc(frame[2:-4])


def test_request_bytes():
    # Header and payload by hand; the checksum by the bitwise definition.
    body = bytes([3, 3, 0x34, 0x12, 3, 0, 10, 20, 30])
    request = encode_request(Kind.INFER, 0x1234, bytes([10, 20, 30]))
    assert request == b"HF" + body + bitwise_crc(body).to_bytes(4, "little")
    assert encode_request(Kind.PING, 1)[:8] == bytes([0x48, 0x46, 3, 1, 1, 0, 0, 0])


@given(st.lists(FRAMES, max_size=5), st.data())
def test_decoder_finds_frames_in_pieces_of_any_size(frames, data):
    stream = b"".join(map(encoded, frames))
    decoder, found = Decoder(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert found == frames
    assert decoder.discarded == 0


@given(st.lists(st.tuples(st.binary(max_size=30).filter(lambda b: b"H" not in b), FRAMES), min_size=1, max_size=4))
def test_decoder_skips_noise_between_frames(parts):
    decoder = Decoder()
    found = decoder.feed(b"".join(noise + encoded(frame) for noise, frame in parts))
    assert found == [frame for _, frame in parts]
    assert decoder.discarded == sum(len(noise) for noise, _ in parts)


@given(st.binary(max_size=60), FRAMES)
def test_decoder_recovers_after_any_noise(noise, frame):
    # False starts may claim up to 40 bytes, so that many more decide every one of them.
    found = Decoder(max_payload=40).feed(noise + encoded(frame) + bytes(48))
    assert frame in found


@given(FRAMES, st.data())
def test_one_changed_byte_is_never_accepted(frame, data):
    stream = bytearray(encoded(frame))
    place = data.draw(st.integers(2, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    assert frame not in Decoder(max_payload=40).feed(bytes(stream) + bytes(60))
    # A burst of 8 bits is shorter than the checksum: where the length stayed, nothing at all is accepted.
    if place not in (6, 7) and b"HF" not in frame.payload:
        assert Decoder(max_payload=40).feed(bytes(stream)) == []


def test_decoder_goes_on_after_a_broken_frame_that_holds_a_good_one():
    inner = encode_frame(0x81, 9)
    outer = bytearray(encode_frame(0x83, 8, b"ab" + inner))
    outer[-1] ^= 1
    assert Decoder().feed(bytes(outer)) == [Frame(3, 0x81, 9, b"")]


def test_reset_forgets_the_frame_in_progress():
    decoder, frame = Decoder(), encode_frame(0x81, 9)
    assert decoder.feed(frame[:5]) == []
    decoder.reset()
    assert decoder.feed(frame) == [Frame(3, 0x81, 9, b"")]
    assert decoder.discarded == 5


def test_words_are_signed_little_endian():
    values = np.array([0, 1, -1, 2**31 - 1, -(2**31)], dtype="<i4")
    assert protocol.words(values.tobytes()).tolist() == [0, 1, -1, 2147483647, -2147483648]
    with pytest.raises(HardwareError, match="4 bytes per output element, got 3 bytes"):
        protocol.words(b"abc")


def test_answers_are_told_apart():
    assert protocol.answer_payload(Frame(3, 0x83, 9, b"abcd"), Kind.INFER) == b"abcd"
    with pytest.raises(LinkError, match="the board refused INFER: BAD_LENGTH") as refused:
        protocol.answer_payload(Frame(3, 0xFF, 9, b"\x04"), Kind.INFER)
    assert refused.value.refusal is Refusal.BAD_LENGTH
    with pytest.raises(HardwareError, match=r"answer to INFER \(0x83\), got 0x81"):
        protocol.answer_payload(Frame(3, 0x81, 9, b""), Kind.INFER)
    with pytest.raises(HardwareError, match="version 3, the board speaks 1"):
        protocol.answer_payload(Frame(1, 0x83, 9, b""), Kind.INFER)
    with pytest.raises(HardwareError, match="one known refusal code, got 63"):
        protocol.answer_payload(Frame(3, 0xFF, 9, b"\x63"), Kind.INFER)


def test_counters():
    assert Counters.parse(bytes(range(18))) == Counters(*(0x100 + 0x202 * i for i in range(9)))
    with pytest.raises(HardwareError, match="18 bytes of counters, got 7"):
        Counters.parse(bytes(7))


LAYOUTS = st.builds(
    Layout, st.lists(st.integers(1, 65535), min_size=1, max_size=3).map(tuple), st.integers(1, 48), st.booleans()
)
IDENTITIES = st.builds(
    Identity,
    network_id=st.integers(0, 2**64 - 1),
    build_id=st.integers(0, 2**64 - 1),
    features=st.sampled_from([Feature(0), Feature.THRESHOLDS]),
    window=st.integers(1, 255),
    name=st.text(st.characters(max_codepoint=127), max_size=63),
    input=LAYOUTS,
    output=LAYOUTS,
)


@given(IDENTITIES)
def test_identity_is_read_as_it_was_written(identity):
    assert Identity.parse(identity.encode()) == identity
    assert len(identity.encode()) <= 255


@given(IDENTITIES, st.data())
def test_a_piece_of_an_identity_is_refused(identity, data):
    whole = identity.encode()
    with pytest.raises(HardwareError, match="expected what a board says of itself"):
        Identity.parse(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(HardwareError, match="build it again"):
        Identity.parse(whole + b"x")


def test_identity_in_words():
    assert str(Layout((8, 8, 1), 8, False)) == "8 x 8 x 1 UINT8"
    with pytest.raises(HardwareError, match="a network's name in ASCII, got 'né'"):
        Identity(1, 2, Feature(0), 4, "né", Layout((1,), 8, False), Layout((1,), 8, False)).encode()


def test_illegal_requests():
    with pytest.raises(HardwareError, match="INFER: expected payload, got 0 bytes"):
        encode_request(Kind.INFER, 1)
    with pytest.raises(HardwareError, match="PING: expected no payload, got 1 bytes"):
        encode_request(Kind.PING, 1, b"x")
    with pytest.raises(HardwareError, match="expected a request, got ERROR"):
        encode_request(Kind.ERROR, 1)
    with pytest.raises(HardwareError, match="at most 65535 payload bytes, got 65536"):
        encode_frame(3, 1, bytes(65536))
    with pytest.raises(HardwareError, match="payload limit of 0 to 65535 bytes, got -1"):
        Decoder(-1)


def test_circuit_and_host_share_their_constants():
    text = (Path(link.__file__).parent / "link_pkg.sv").read_text()
    values = {name: int(digits, 16) for name, digits in re.findall(r"(\w+) = \d+'h([0-9A-F]+);", text)}
    assert bytes([values["SYNC0"], values["SYNC1"]]) == protocol.SYNC
    assert (values["VERSION"], values["ANSWER"]) == (protocol.VERSION, protocol.ANSWER)
    for one in (*Kind, *Refusal):
        assert values[one.name] == one
    assert (values["CRC_POLYNOMIAL"], values["CRC_START"]) == (0xEDB88320, 0xFFFFFFFF)


def test_every_source_is_listed():
    folder = Path(link.__file__).parent
    assert {path.name for path in folder.glob("*.sv")} == set(link.SOURCES)
