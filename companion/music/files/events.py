"""A MIDI file as values: every event of every track with its tick, without interpretation.

An event is (tick, bytes): the tick counts from the start of its track in the file's own units; the bytes are those of the file
without the time, the status byte always written out. Meta events keep their whole body, so that text comes back byte for byte
whatever its encoding. See Standard MIDI Files 1.0 (MIDI Manufacturers Association, RP-001).
"""

from __future__ import annotations

from dataclasses import dataclass

from companion.errors import MidiFileError
from companion.music.text import decode_text

Event = tuple[int, bytes]

TEXT, TRACK_NAME, INSTRUMENT_NAME, LYRIC, MARKER = 0x01, 0x03, 0x04, 0x05, 0x06
CHANNEL_PREFIX, END_OF_TRACK, TEMPO, METER = 0x20, 0x2F, 0x51, 0x58
META, SYSEX, SYSEX_MORE = 0xFF, 0xF0, 0xF7
# No event may lie later than this. It fits four bytes of seven bits, the first of which is no real-time status byte.
MAX_TICK = (0x78 << 21) - 1
LONGEST_TEXT = 1_000  # bytes of a meta event that are read as text


@dataclass(frozen=True, slots=True)
class FileTrack:
    """One MTrk chunk: its events in the order of the file, without End of Track, whose tick is `end_tick`."""

    events: tuple[Event, ...]
    end_tick: int


@dataclass(frozen=True, slots=True)
class MidiFile:
    """A whole file. division: the header's raw value (ticks a quarter, or SMPTE when bit 15 is set).

    other_chunks: (type, body) of chunks that are no track, such as Yamaha's XF data; they are written behind the tracks.
    """

    format: int
    division: int
    tracks: tuple[FileTrack, ...]
    other_chunks: tuple[tuple[bytes, bytes], ...] = ()


def variable_length(value: int) -> bytes:
    """A number in groups of seven bits; raises MidiFileError for more than four groups."""
    if not 0 <= value <= MAX_TICK:
        raise MidiFileError(f"{value} ticks between two events do not fit a MIDI file")
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def meta(kind: int, body: bytes) -> bytes:
    """A meta event without its time."""
    return bytes((META, kind)) + variable_length(len(body)) + body


def meta_body(data: bytes) -> bytes:
    """The body of an event made by `meta`."""
    start = 2
    while data[start] & 0x80:
        start += 1
    return data[start + 1 :]


def meta_text(data: bytes) -> str:
    """The text of an event made by `meta`, without the zeros behind it. A text that is too long is cut. Never fails."""
    body = meta_body(data)
    return decode_text(body[:LONGEST_TEXT], errors="replace", cut=len(body) > LONGEST_TEXT).rstrip("\0")


def is_meta(data: bytes, kind: int) -> bool:
    """Whether an event is a meta event of this kind."""
    return data[0] == META and data[1] == kind


def is_channel_message(data: bytes) -> bool:
    """Whether an event is for one channel (a note, controller, program, bend or pressure)."""
    return data[0] < SYSEX
