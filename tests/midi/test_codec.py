"""The wire format: every message survives it, and nothing on the wire can break the decoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.midi.codec import Decoder, encode
from companion.midi.messages import (
    ClockContinue,
    ClockStart,
    ClockStop,
    ClockTick,
    ControlChange,
    Malformed,
    Message,
    NoteOff,
    NoteOn,
    PitchBend,
    Pressure,
    ProgramChange,
    SongPosition,
)

CHANNEL = st.integers(0, 15)
VALUE = st.integers(0, 127)
CHANNEL_MESSAGES = st.one_of(
    st.builds(NoteOn, CHANNEL, VALUE, st.integers(1, 127)),
    st.builds(NoteOff, CHANNEL, VALUE, VALUE),
    st.builds(ControlChange, CHANNEL, VALUE, VALUE),
    st.builds(ProgramChange, CHANNEL, VALUE),
    st.builds(PitchBend, CHANNEL, st.integers(-8192, 8191)),
    st.builds(Pressure, CHANNEL, VALUE, st.none() | VALUE),
)
REALTIME = st.sampled_from([ClockTick(), ClockStart(), ClockContinue(), ClockStop()])
MESSAGES = st.one_of(CHANNEL_MESSAGES, REALTIME, st.builds(SongPosition, st.integers(0, 16383)))


@given(st.lists(MESSAGES), st.data())
def test_messages_survive_the_wire_in_any_pieces(messages: list[Message], data: st.DataObject) -> None:
    wire = b"".join(encode(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=5)))
    decoder = Decoder()
    heard = [
        m for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True) for m in decoder.feed(wire[start:end])
    ]
    assert heard == messages


@given(st.lists(CHANNEL_MESSAGES, min_size=1), st.data())
def test_running_status_and_interleaved_clock(messages: list[Message], data: st.DataObject) -> None:
    wire = bytearray()
    last_status = -1
    for message in messages:
        encoded = encode(message)
        body = encoded[1:] if encoded[0] == last_status else encoded
        last_status = encoded[0]
        for byte in body:
            wire.append(byte)
            if data.draw(st.booleans()):
                wire.append(0xF8)
    heard = Decoder().feed(wire)
    assert [m for m in heard if m != ClockTick()] == messages
    assert heard.count(ClockTick()) == wire.count(0xF8)


@given(st.binary(max_size=300))
def test_garbage_is_counted_and_the_next_message_is_heard(noise: bytes) -> None:
    decoder = Decoder()
    heard = decoder.feed(noise)
    heard += decoder.feed(b"\x93\x3c\x40")
    assert heard[-1] == NoteOn(3, 60, 64)
    accounted = sum(m.count for m in heard if isinstance(m, Malformed))
    assert accounted <= len(noise)


def test_sysex_is_skipped_with_the_clock_inside_it() -> None:
    heard = Decoder().feed(b"\xf0\x7e\x01\xf8\x02\xf7\x90\x3c\x01")
    assert heard == [ClockTick(), Malformed("sysex", 5), NoteOn(0, 60, 1)]


def test_sysex_cut_off_by_a_note() -> None:
    assert Decoder().feed(b"\xf0\x01\x02\x80\x3c\x00") == [Malformed("sysex", 3), NoteOff(0, 60, 0)]


def test_note_on_without_velocity_is_a_note_off() -> None:
    assert Decoder().feed(b"\x91\x3c\x00") == [NoteOff(1, 60, 0)]


def test_system_common_ends_running_status() -> None:
    heard = Decoder().feed(b"\x90\x3c\x01\xf6\x3c\x01")
    assert heard == [NoteOn(0, 60, 1), Malformed("ignored", 1), Malformed("garbage", 2)]


def test_a_lost_port_forgets_half_a_message() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x90\x3c") == []
    assert decoder.reset() == [Malformed("garbage", 2)]
    assert decoder.feed(b"\x40") == [Malformed("garbage", 1)]


@pytest.mark.parametrize("message", [Malformed("sysex", 3), NoteOn(0, 128, 1), NoteOn(0, 1, 200)])
def test_what_is_no_message_is_not_sent(message: Message) -> None:
    with pytest.raises(ValueError, match=r"not a MIDI|nothing to send"):
        encode(message)
