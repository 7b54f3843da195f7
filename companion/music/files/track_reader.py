"""Reads the events of one MTrk chunk as far as they can be understood.

Damage within a track does not end it while the events behind the damage can be found again: a place counts as found when the
bytes from there on read as a run of sound events. Where none is found, the track ends and keeps what came before.
"""

from __future__ import annotations

from companion.errors import MidiFileError
from companion.music.files.events import (
    END_OF_TRACK,
    MAX_TICK,
    META,
    SYSEX,
    SYSEX_MORE,
    Event,
    FileTrack,
    meta,
    variable_length,
)
from companion.music.files.faults import Faults

MAX_EVENTS = 1_000_000
# After this many faults in a file, a track ends at its next fault: it is noise, and looking ahead costs time.
MAX_FAULTS = 500
_EVENTS_AHEAD = 6
_BYTES_SEARCHED = 256
_LONGEST_LIKELY_REST = 1 << 21
_SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1}
# Meta events whose length the standard fixes.
_META_LENGTHS = {0x20: 1, 0x21: 1, END_OF_TRACK: 0, 0x51: 3, 0x54: 5, 0x58: 4, 0x59: 2}


class Unreadable(Exception):
    """The bytes from here on are no event."""


class TrackReader:
    """Reads data[start:end]; afterwards `position` is behind the last byte used, `complete` tells of an End of Track."""

    def __init__(self, data: bytes, start: int, end: int, faults: Faults, most_events: int = MAX_EVENTS) -> None:
        self._data, self.position, self._end = data, start, end
        self._faults, self._most_events = faults, most_events
        self._events: list[Event] = []
        # Equal messages share one object: a file of a million equal events costs little memory.
        self._known: dict[bytes, bytes] = {}
        self._tick = 0
        self._status = 0
        self._interrupted = False
        self.complete = False

    def read(self) -> FileTrack:
        """All events; raises MidiFileError only for more events than are read at most."""
        while self.position < self._end and not self.complete:
            if len(self._events) >= self._most_events:
                raise MidiFileError(f"more than {MAX_EVENTS} events")
            try:
                self._event()
            except Unreadable as fault:
                self._faults.add(str(fault))
                if not self._find_events():
                    break
        return FileTrack(tuple(self._events), self._tick)

    # -- one event ----------------------------------------------------------------------------------------------------

    def _event(self) -> None:
        data, position = self._data, self.position
        tick = self._tick
        byte = data[position]
        if byte < 0x80:
            tick += byte
            position += 1
        else:
            delta, position = self._time(position)
            tick += delta
        if tick > MAX_TICK:
            self.position = self._end
            raise Unreadable(f"times past tick {MAX_TICK}")
        if position >= self._end:
            self.position = self._end
            raise Unreadable("an event is cut off")
        self._tick = tick
        byte = data[position]
        if byte >= SYSEX:
            self._other(byte, position)
            return
        if byte >= 0x80:
            self._status = byte
            position += 1
            self._interrupted = False
        elif not self._status:
            self.position = position
            raise Unreadable("bytes that belong to no event are skipped")
        elif self._interrupted:
            self._faults.add("running status goes on behind another event")
            self._interrupted = False
        self._channel_message(position)

    def _channel_message(self, position: int) -> None:
        status = self._status
        after = position + (1 if 0xC0 <= status < 0xE0 else 2)
        body = self._data[position:after]
        if after > self._end:
            self.position = self._end
            raise Unreadable("an event is cut off")
        self.position = after
        if not body.isascii():
            repaired = self._repaired(position, after)
            if repaired is None:
                return
            body = repaired
        message = bytes((status,)) + body
        self._events.append((self._tick, self._known.setdefault(message, message)))

    def _repaired(self, position: int, after: int) -> bytes | None:
        """The data bytes of a message with a byte above 127 in it; None when the message is to be skipped."""
        needed, found, place = after - position, bytearray(), position
        while (
            len(found) < needed and place < self._end and (self._data[place] < 0x80 or 0xF8 <= self._data[place] < META)
        ):
            if self._data[place] < 0x80:
                found.append(self._data[place])
            place += 1
        # Both readings may make sense. Then the one that goes on sooner is more likely.
        sooner = not self._reads_on(after) or self._next_time(place) < self._next_time(after)
        if len(found) == needed and self._reads_on(place) and sooner:
            self._faults.add("real-time bytes inside the track are skipped")
            self.position = place
            return bytes(found)
        self._faults.add("events with a data byte above 127 are skipped")
        return None

    def _other(self, byte: int, position: int) -> None:
        """A meta event, system exclusive data, or a status that has no place in a file."""
        self._interrupted = bool(self._status)
        if byte == META:
            self._meta(position)
        elif byte in (SYSEX, SYSEX_MORE):
            self._sysex(byte, position)
        else:
            kind = "real-time bytes inside the track are skipped" if byte >= 0xF8 else "system messages are skipped"
            self._faults.add(kind)
            self._check_patience()
            self.position = position + 1 + _SYSTEM_DATA.get(byte, 0)
            self._interrupted = False
            # The byte may stand between a time and its event: then no time follows it.
            if not self._reads_on(self.position) and self._reads_on(self.position, needs_time=False):
                self._without_time()

    def _without_time(self) -> None:
        """Read an event whose time has been read before."""
        position = self.position
        byte = self._data[position]
        if byte >= SYSEX:
            self._other(byte, position)
            return
        if byte >= 0x80:
            self._status = byte
            position += 1
        if self._status:
            self._channel_message(position)

    def _meta(self, position: int) -> None:
        if position + 1 >= self._end:
            self.position = self._end
            raise Unreadable("an event is cut off")
        kind = self._data[position + 1]
        if kind == END_OF_TRACK:
            self.complete = True
            self.position = min(position + 3, self._end)
            return
        self.position = position + 2
        if kind > 0x7F:
            raise Unreadable("bytes that belong to no event are skipped")
        size, start = self._number(position + 2)
        usual = _META_LENGTHS.get(kind, size)
        if size != usual and not self._goes_on(start + size) and self._reads_on(start + usual):
            self._faults.add("meta events with a wrong length")
            size = usual
        body = self._body(start, size, "meta events with a wrong length")
        self._events.append((self._tick, meta(kind, body)))

    def _sysex(self, byte: int, position: int) -> None:
        size, start = self._number(position + 1)
        body = self._body(start, size, "system exclusive data with a wrong length")
        self._events.append((self._tick, bytes((byte,)) + variable_length(size) + body))

    def _body(self, start: int, size: int, fault: str) -> bytes:
        if start + size > self._end:
            self.position = start
            raise Unreadable(fault)
        self.position = start + size
        return self._data[start : start + size]

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _time(self, position: int) -> tuple[int, int]:
        """A time of more than one byte, and the position behind it."""
        first = self._data[position]
        if 0xF8 <= first < META and not self._goes_on(position) and self._reads_on(position + 1):
            self._faults.add("real-time bytes inside the track are skipped")
            position += 1
        return self._number(position)

    def _number(self, position: int) -> tuple[int, int]:
        """A variable-length number of at most four bytes, and the position behind it."""
        value = 0
        for place in range(position, min(position + 4, self._end)):
            byte = self._data[place]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, place + 1
        self.position = position + 1
        cut = position + 4 > self._end
        raise Unreadable("an event is cut off" if cut else "a number longer than four bytes")

    # -- looking ahead ------------------------------------------------------------------------------------------------

    def _check_patience(self) -> None:
        if self._faults.count > MAX_FAULTS:
            self.position = self._end
            raise Unreadable("too much of it makes no sense")

    def _find_events(self) -> bool:
        """Move to the next place from which events can be read again; False where none is near."""
        if self._faults.count > MAX_FAULTS:
            return False
        for place in range(self.position, min(self.position + _BYTES_SEARCHED, self._end)):
            if self._reads_on(place, strictly=True):
                self.position, self._status = place, 0
                return True
        return False

    def _next_time(self, place: int) -> int:
        found = _sound_number(self._data, place, self._end)
        return found[0] if found else MAX_TICK

    def _goes_on(self, place: int) -> bool:
        """Whether a sound event is at a place, after whatever time."""
        return _sound_event(self._data, place, self._end, self._status, True, MAX_TICK) is not None

    def _reads_on(self, place: int, *, needs_time: bool = True, strictly: bool = False) -> bool:
        """Whether the next few events from a place on are sound. strictly: the first one must have a status of its own."""
        if self._faults.count > MAX_FAULTS:
            return False
        status = 0 if strictly else self._status
        for number in range(_EVENTS_AHEAD):
            if place == self._end:
                return number > 0 or not strictly
            found = _sound_event(self._data, place, self._end, status, needs_time or number > 0)
            if found is None:
                return False
            place, status = found
            if status == META:
                return True
        return True


def _sound_event(
    data: bytes, place: int, end: int, status: int, needs_time: bool, longest_rest: int = _LONGEST_LIKELY_REST
) -> tuple[int, int] | None:
    """(position behind the event, running status) of an event without fault; status META for an End of Track."""
    if needs_time:
        found = _sound_number(data, place, end)
        if found is None or found[0] > longest_rest:
            return None
        place = found[1]
    if place >= end:
        return None
    byte = data[place]
    if byte in (META, SYSEX, SYSEX_MORE):
        place += 1
        if byte == META:
            if place >= end or data[place] > 0x7F:
                return None
            if data[place] == END_OF_TRACK:
                return (place + 2, META) if place + 1 < end and data[place + 1] == 0 else None
            place += 1
        found = _sound_number(data, place, end)
        if found is None or found[1] + found[0] > end:
            return None
        return found[1] + found[0], status
    if byte >= SYSEX:
        return None
    if byte >= 0x80:
        status, place = byte, place + 1
    if not status:
        return None
    after = place + (1 if 0xC0 <= status < 0xE0 else 2)
    return (after, status) if after <= end and data[place:after].isascii() else None


def _sound_number(data: bytes, place: int, end: int) -> tuple[int, int] | None:
    value = 0
    for position in range(place, min(place + 4, end)):
        value = value << 7 | data[position] & 0x7F
        if data[position] < 0x80:
            return value, position + 1
    return None
