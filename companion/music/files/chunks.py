"""The bytes of a MIDI file as tracks of events, and back.

Only files without a header or a track, and files too large to be music, are refused. Everything else is read as far as
possible, with one remark about wrong chunk lengths, missing or surplus tracks, cut downloads, or other data around the tracks.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from companion.errors import MidiFileError
from companion.music.files.events import END_OF_TRACK, Event, FileTrack, MidiFile, meta, variable_length
from companion.music.files.faults import Faults
from companion.music.files.track_reader import MAX_EVENTS, TrackReader

MAX_BYTES = 8 * 1024 * 1024
MAX_TRACKS = 1_000
USUAL_DIVISION = 480
_HEADER, _TRACK = b"MThd", b"MTrk"
# A few bytes from a mail program or an old Macintosh may come before the header.
_HEADER_SEARCHED = 4096
_LARGEST_HEADER = 1024


def read_file(data: bytes, faults: Faults) -> MidiFile:
    """Every event of a file. Faults are added to `faults`; raises MidiFileError for what is no MIDI file or too large."""
    if len(data) > MAX_BYTES:
        raise MidiFileError(f"the file has {len(data)} bytes, more than the {MAX_BYTES} read at most")
    data = _from_header(data, faults)
    count = data.count(_TRACK)
    if count > MAX_TRACKS:
        raise MidiFileError(f"the file has {count} tracks, more than the {MAX_TRACKS} read at most")
    size, file_format, declared, division = struct.unpack(">IHHH", data[4:14])
    if not 6 <= size <= _LARGEST_HEADER:
        faults.add(f"the header's size is {size} instead of 6")
        size = 6
    if file_format > 2:
        faults.add(f"format {file_format} does not exist, read as format 1")
        file_format = 1
    if division in (0, 0x8000) or (division & 0x8000 and not _is_smpte(division)):
        faults.add(f"the time division {division:#06x} is impossible, read as {USUAL_DIVISION} ticks a quarter")
        division = USUAL_DIVISION
    tracks, others = _Chunks(data, 8 + size, faults).read()
    faults.place = ""
    if not tracks:
        raise MidiFileError("the file has a header but no track")
    if len(tracks) != declared:
        faults.add(f"the header announces {declared} tracks, the file has {len(tracks)}")
    if file_format == 0 and len(tracks) > 1:
        file_format = 1
    return MidiFile(file_format, division, tuple(tracks), tuple(others))


def write_file(file: MidiFile) -> bytes:
    """The bytes of a file; raises MidiFileError for times that do not fit."""
    header = struct.pack(">4sIHHH", _HEADER, 6, file.format, len(file.tracks), file.division)
    chunks = [(_TRACK, _track_body(track)) for track in file.tracks] + list(file.other_chunks)
    return header + b"".join(struct.pack(">4sI", kind, len(body)) + body for kind, body in chunks)


def build(division: int, tracks: list[list[Event]], end_tick: int = 0) -> bytes:
    """A format 1 file from tracks of events in order of time.

    end_tick: where the music ends. The first track ends there; the others end with their last event.
    """
    ended = [FileTrack(tuple(events), events[-1][0] if events else 0) for events in tracks]
    if ended:
        ended[0] = replace(ended[0], end_tick=max(ended[0].end_tick, end_tick))
    return write_file(MidiFile(1, division, tuple(ended)))


def _track_body(track: FileTrack) -> bytes:
    body = bytearray()
    now = 0
    for tick, event in track.events:
        body += variable_length(tick - now) + event
        now = tick
    body += variable_length(max(track.end_tick - now, 0)) + meta(END_OF_TRACK, b"")
    return bytes(body)


def _is_smpte(division: int) -> bool:
    return 256 - (division >> 8) in (24, 25, 29, 30) and division & 0xFF > 0


def _from_header(data: bytes, faults: Faults) -> bytes:
    """The data from the MThd header on, out of its RIFF wrapper if it has one."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _riff_data(data)
    elif data[:4] != _HEADER and data.find(_HEADER, 0, _HEADER_SEARCHED) > 0:
        faults.add("there are other bytes before the header")
        data = data[data.find(_HEADER) :]
    if data[:4] != _HEADER or len(data) < 14:
        raise MidiFileError("not a MIDI file: it does not begin with an MThd header")
    return data


def _riff_data(data: bytes) -> bytes:
    """The body of the wrapper's `data` chunk (RIFF counts with its least significant byte first)."""
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack("<4sI", data[position : position + 8])
        if kind == b"data" and data[position + 8 : position + 12] == _HEADER:
            return data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    return data[max(data.find(_HEADER), 0) :]


class _Chunks:
    """Walks the chunks behind the header."""

    def __init__(self, data: bytes, start: int, faults: Faults) -> None:
        self._data, self._position, self._faults = data, start, faults
        self._tracks: list[FileTrack] = []
        self._others: list[tuple[bytes, bytes]] = []
        self._events_left = MAX_EVENTS

    def read(self) -> tuple[list[FileTrack], list[tuple[bytes, bytes]]]:
        """All tracks, and the chunks of other kinds."""
        data = self._data
        while self._position + 8 <= len(data):
            kind, size = struct.unpack(">4sI", data[self._position : self._position + 8])
            end = self._position + 8 + size
            if kind == _TRACK:
                self._track(self._position + 8, end)
            elif kind.isalnum() and end <= len(data) and self._may_begin(end):
                self._others.append((kind, data[self._position + 8 : end]))
                self._position = end
            else:
                self._skip_to_track()
        if 0 < len(data) - self._position < 8:
            self._faults.add("there are other bytes behind the last track")
        return self._tracks, self._others

    def _skip_to_track(self) -> None:
        following = self._data.find(_TRACK, self._position)
        place = "between tracks" if following >= 0 else "behind the last track"
        self._faults.add(f"there are other bytes {place}")
        self._position = following if following >= 0 else len(self._data)

    def _track(self, start: int, end: int) -> None:
        self._faults.place = f"track {len(self._tracks) + 1}"
        following = self._data.find(_TRACK, start)
        limit = following if following >= 0 else len(self._data)
        # A length that runs into the next track, or past the end of the file, is wrong.
        is_wrong = end > len(self._data) or (end > limit and not self._may_begin(end))
        before = self._faults.copy()
        track, reader = self._read_events(start, limit if is_wrong else end)
        if not reader.complete and not is_wrong and limit > end and not self._may_begin(end):
            is_wrong = True
            self._faults.restore(before)
            track, reader = self._read_events(start, limit)
        if is_wrong:
            cut = end > len(self._data) and not reader.complete
            self._faults.add("the file ends inside the track" if cut else "the track's length is wrong")
        elif not reader.complete:
            self._faults.add("End of Track is missing")
        self._tracks.append(track)
        self._events_left -= len(track.events)
        self._position = max(reader.position if is_wrong and reader.complete else limit if is_wrong else end, start)
        self._faults.place = ""

    def _read_events(self, start: int, end: int) -> tuple[FileTrack, TrackReader]:
        reader = TrackReader(self._data, start, end, self._faults, self._events_left)
        try:
            return reader.read(), reader
        except MidiFileError as error:
            raise MidiFileError(f"track {len(self._tracks) + 1}: {error}") from None

    def _may_begin(self, position: int) -> bool:
        """Whether a chunk, or the end of the file, is at a position."""
        kind = self._data[position : position + 4]
        return position == len(self._data) or (len(kind) == 4 and kind.isalnum() and kind.isascii())
