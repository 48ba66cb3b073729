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
from hw.top.link.protocol import Decoder, Frame, Info, Kind, LinkError, Refusal, crc16, encode_frame, encode_request

FRAMES = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40))


def encoded(frame: Frame) -> bytes:
    return encode_frame(frame.kind, frame.payload, frame.version)


def bitwise_crc(data: bytes) -> int:
    """The definition: polynomial division one bit at a time."""
    remainder = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            top = (remainder >> 15) ^ (byte >> bit & 1)
            remainder = (remainder << 1 & 0xFFFF) ^ (0x1021 if top else 0)
    return remainder


def test_crc_has_the_published_check_value():
    assert crc16(b"123456789") == 0x29B1
    assert crc16(b"") == 0xFFFF


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_crc_is_the_bitwise_division_and_goes_on_where_it_stopped(left, right):
    assert crc16(left + right) == bitwise_crc(left + right) == crc16(right, crc16(left))


@given(st.binary(max_size=50))
def test_crc_over_data_and_checksum_is_zero(data):
    assert crc16(data + crc16(data).to_bytes(2, "big")) == 0


def test_request_bytes():
    # Header and payload by hand; the checksum by the bitwise definition.
    body = bytes([1, 3, 3, 0, 10, 20, 30])
    assert encode_request(Kind.INFER, bytes([10, 20, 30])) == b"HF" + body + bitwise_crc(body).to_bytes(2, "big")
    assert encode_request(Kind.PING)[:6] == bytes([0x48, 0x46, 1, 1, 0, 0])


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
    if place not in (4, 5) and b"HF" not in frame.payload:
        assert Decoder(max_payload=40).feed(bytes(stream)) == []


def test_decoder_goes_on_after_a_broken_frame_that_holds_a_good_one():
    inner = encode_frame(0x81)
    outer = bytearray(encode_frame(0x83, b"ab" + inner))
    outer[-1] ^= 1
    assert Decoder().feed(bytes(outer)) == [Frame(1, 0x81, b"")]


def test_reset_forgets_the_frame_in_progress():
    decoder, frame = Decoder(), encode_frame(0x81)
    assert decoder.feed(frame[:5]) == []
    decoder.reset()
    assert decoder.feed(frame) == [Frame(1, 0x81, b"")]
    assert decoder.discarded == 5


def test_words_are_signed_little_endian():
    values = np.array([0, 1, -1, 2**31 - 1, -(2**31)], dtype="<i4")
    assert protocol.words(values.tobytes()).tolist() == [0, 1, -1, 2147483647, -2147483648]
    with pytest.raises(HardwareError, match="4 bytes per output element, got 3 bytes"):
        protocol.words(b"abc")


def test_answers_are_told_apart():
    assert protocol.answer_payload(Frame(1, 0x83, b"abcd"), Kind.INFER) == b"abcd"
    with pytest.raises(LinkError, match="the board refused INFER: BAD_LENGTH") as refused:
        protocol.answer_payload(Frame(1, 0xFF, b"\x04"), Kind.INFER)
    assert refused.value.refusal is Refusal.BAD_LENGTH
    with pytest.raises(HardwareError, match=r"answer to INFER \(0x83\), got 0x81"):
        protocol.answer_payload(Frame(1, 0x81, b""), Kind.INFER)
    with pytest.raises(HardwareError, match="version 1, the board speaks 2"):
        protocol.answer_payload(Frame(2, 0x83, b""), Kind.INFER)
    with pytest.raises(HardwareError, match="one known refusal code, got 63"):
        protocol.answer_payload(Frame(1, 0xFF, b"\x63"), Kind.INFER)


def test_info():
    assert Info.parse(bytes.fromhex("efbeadde40000b00")) == Info(0xDEADBEEF, 64, 11)
    with pytest.raises(HardwareError, match="8 bytes of network information, got 7"):
        Info.parse(bytes(7))


def test_illegal_requests():
    with pytest.raises(HardwareError, match="INFER: expected payload, got 0 bytes"):
        encode_request(Kind.INFER)
    with pytest.raises(HardwareError, match="PING: expected no payload, got 1 bytes"):
        encode_request(Kind.PING, b"x")
    with pytest.raises(HardwareError, match="expected PING, INFO or INFER"):
        encode_request(Kind.ERROR)
    with pytest.raises(HardwareError, match="at most 65535 payload bytes, got 65536"):
        encode_frame(3, bytes(65536))
    with pytest.raises(HardwareError, match="payload limit of 0 to 65535 bytes, got -1"):
        Decoder(-1)


def test_circuit_and_host_share_their_constants():
    text = (Path(link.__file__).parent / "link_pkg.sv").read_text()
    values = {name: int(digits, 16) for name, digits in re.findall(r"(\w+) = \d+'h([0-9A-F]+);", text)}
    assert bytes([values["SYNC0"], values["SYNC1"]]) == protocol.SYNC
    assert (values["VERSION"], values["ANSWER"]) == (protocol.VERSION, protocol.ANSWER)
    for one in (*Kind, *Refusal):
        assert values[one.name] == one
    assert (values["CRC_POLYNOMIAL"], values["CRC_START"]) == (0x1021, crc16(b""))


def test_every_source_is_listed():
    folder = Path(link.__file__).parent
    assert {path.name for path in folder.glob("*.sv")} == set(link.SOURCES)
