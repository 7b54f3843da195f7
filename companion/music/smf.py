"""The bytes of a Standard MIDI File, as events and back.

Knows chunks, running status and variable-length numbers (MIDI 1.0, Standard MIDI Files 1.0). Keeps notes, program
changes, tempo, meter, markers and track names, and passes over everything else, so that memory stays in proportion
to the notes. Knows nothing of bars; `song.py` does.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from companion.errors import MidiFileError

MAX_BYTES = 8 * 1024 * 1024
MAX_NOTES = 500_000
MAX_TICK = 1 << 40

META_TRACK_NAME, META_MARKER, META_END_OF_TRACK, META_TEMPO, META_METER = 0x03, 0x06, 0x2F, 0x51, 0x58
_KEPT_META = {META_TRACK_NAME, META_MARKER, META_TEMPO, META_METER}
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}


@dataclass(frozen=True, slots=True)
class RawNote:
    """A note in file ticks, with the program its channel had when it began."""

    start: int
    end: int
    channel: int
    pitch: int
    velocity: int
    program: int


@dataclass(slots=True)
class RawTrack:
    """One MTrk: notes in order of their note-on, tempo (tick, µs a quarter), meters (tick, num, den), markers, name."""

    notes: list[RawNote] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)
    meters: list[tuple[int, int, int]] = field(default_factory=list)
    markers: list[tuple[int, str]] = field(default_factory=list)
    name: str = ""
    end: int = 0


@dataclass(slots=True)
class RawFile:
    """A parsed file. division: the header's raw value (ticks a quarter, or SMPTE when bit 15 is set)."""

    format: int
    division: int
    tracks: list[RawTrack]


def parse(data: bytes) -> RawFile:
    """Events of a whole file; raises MidiFileError naming the fault and where it is."""
    if len(data) > MAX_BYTES:
        raise MidiFileError(f"the file has {len(data)} bytes, more than the {MAX_BYTES} read at most")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = data[max(data.find(b"MThd"), 0) :]
    if data[:4] != b"MThd" or len(data) < 14:
        raise MidiFileError("not a MIDI file: it does not begin with an MThd header")
    header_size, file_format, declared, division = struct.unpack(">IHHH", data[4:14])
    if header_size < 6 or file_format > 2 or division in (0, 0x8000):
        raise MidiFileError(f"bad MIDI header: size {header_size}, format {file_format}, division {division}")
    tracks: list[RawTrack] = []
    notes = 0
    for kind, start, end in _chunks(data, 8 + header_size):
        if kind == b"MTrk":
            try:
                tracks.append(_TrackParser(data, start, end, MAX_NOTES - notes).parse())
            except MidiFileError as error:
                raise MidiFileError(f"track {len(tracks) + 1}: {error}") from None
            notes += len(tracks[-1].notes)
    if len(tracks) < declared:
        raise MidiFileError(f"the header announces {declared} tracks, the file has {len(tracks)}")
    return RawFile(file_format, division, tracks)


def _chunks(data: bytes, position: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of every chunk; trailing bytes too few for a chunk are ignored."""
    while position + 8 <= len(data):
        kind, size = struct.unpack(">4sI", data[position : position + 8])
        start, end = position + 8, position + 8 + size
        if end > len(data):
            raise MidiFileError(f"truncated: chunk {kind!r} at byte {position} needs {end - len(data)} more bytes")
        yield kind, start, end
        position = end


class _TrackParser:
    """Walks one MTrk chunk."""

    def __init__(self, data: bytes, start: int, end: int, most_notes: int) -> None:
        self.data, self.position, self.end = data, start, end
        self.most_notes = most_notes
        self.track = RawTrack()
        self.tick = 0
        self.programs = [0] * 16
        self.order = 0
        self.sounding: dict[tuple[int, int], deque[tuple[int, int, int, int]]] = {}
        self.finished: list[tuple[int, RawNote]] = []

    def parse(self) -> RawTrack:
        status = 0
        while self.position < self.end:
            self.tick += self._number()
            if self.tick > MAX_TICK:
                raise MidiFileError(f"time runs past tick {MAX_TICK} at byte {self.position}")
            byte = self._byte()
            if byte == 0xFF:
                if self._meta():
                    break
                status = 0
            elif byte in (0xF0, 0xF7):
                self._skip(self._number())
                status = 0
            elif byte >= 0xF0:
                raise MidiFileError(f"status byte {byte:#x} at byte {self.position - 1} has no place in a file")
            elif byte >= 0x80:
                status = byte
                self._channel_message(status, self._data_byte())
            elif status:
                self._channel_message(status, byte)
            else:
                raise MidiFileError(f"data byte {byte:#x} without a status at byte {self.position - 1}")
        self.track.end = self.tick
        self.finished.sort()
        self.track.notes = [note for _, note in self.finished]
        return self.track

    def _byte(self) -> int:
        if self.position >= self.end:
            raise MidiFileError(f"truncated: the track ends inside an event at byte {self.position}")
        byte = self.data[self.position]
        self.position += 1
        return byte

    def _data_byte(self) -> int:
        byte = self._byte()
        if byte > 0x7F:
            raise MidiFileError(f"data byte {byte:#x} above 127 at byte {self.position - 1}")
        return byte

    def _number(self) -> int:
        """A variable-length number: at most four bytes of seven bits."""
        value = 0
        for _ in range(4):
            byte = self._byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise MidiFileError(f"a number longer than four bytes at byte {self.position - 4}")

    def _skip(self, size: int) -> int:
        """Pass over `size` bytes and return where they began."""
        start = self.position
        if start + size > self.end:
            raise MidiFileError(
                f"truncated: {size} bytes announced at byte {start}, {self.end - start} left in the track"
            )
        self.position = start + size
        return start

    def _channel_message(self, status: int, first: int) -> None:
        kind, channel = status & 0xF0, status & 0x0F
        second = self._data_byte() if _DATA_BYTES[kind] == 2 else 0
        if kind == 0x90 and second:
            if self.order >= self.most_notes:
                raise MidiFileError(f"more than {MAX_NOTES} notes")
            entry = (self.order, self.tick, second, self.programs[channel])
            self.sounding.setdefault((channel, first), deque()).append(entry)
            self.order += 1
        elif kind in (0x80, 0x90):
            waiting = self.sounding.get((channel, first))
            if waiting:
                order, start, velocity, program = waiting.popleft()
                self.finished.append((order, RawNote(start, self.tick, channel, first, velocity, program)))
        elif kind == 0xC0:
            self.programs[channel] = first

    def _meta(self) -> bool:
        """One meta event; True for End of Track."""
        kind = self._byte()
        size = self._number()
        start = self._skip(size)
        if kind == META_END_OF_TRACK:
            return True
        if kind not in _KEPT_META:
            return False
        body = self.data[start : start + size]
        if kind == META_TEMPO:
            if size != 3 or not any(body):
                raise MidiFileError(f"bad tempo event at byte {start}")
            self.track.tempos.append((self.tick, int.from_bytes(body, "big")))
        elif kind == META_METER:
            if size < 2 or body[0] == 0 or body[1] > 6:
                raise MidiFileError(f"impossible time signature at byte {start}")
            self.track.meters.append((self.tick, body[0], 1 << body[1]))
        else:
            text = body[:1000].decode("utf-8", "replace")
            if kind == META_MARKER:
                self.track.markers.append((self.tick, text))
            elif not self.track.name:
                self.track.name = text
        return False


def build(division: int, tracks: Iterable[Iterable[tuple[int, bytes]]]) -> bytes:
    """A format 1 file from tracks of (tick, event bytes) in order of time; End of Track is added."""
    chunks = [_track_chunk(events) for events in tracks]
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(chunks), division) + b"".join(chunks)


def meta(kind: int, body: bytes) -> bytes:
    """A meta event without its time."""
    return bytes((0xFF, kind)) + _variable_length(len(body)) + body


def _track_chunk(events: Iterable[tuple[int, bytes]]) -> bytes:
    body = bytearray()
    now = 0
    for tick, event in events:
        body += _variable_length(tick - now) + event
        now = tick
    body += b"\x00" + meta(META_END_OF_TRACK, b"")
    return struct.pack(">4sI", b"MTrk", len(body)) + bytes(body)


def _variable_length(value: int) -> bytes:
    if not 0 <= value < 1 << 28:
        raise MidiFileError(f"{value} ticks between two events do not fit a MIDI file")
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
