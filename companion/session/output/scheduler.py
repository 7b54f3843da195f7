"""Holds notes by musical position until they are due, then sends them. Keeps the ledger of what sounds.

Notes wait in a queue per port, by position. The clock's prediction decides when they are due, so a new tempo applies to all waiting
notes. Every note-on gets an id, and its note-off belongs to that id. A key struck again, a mute or a stop ends the note at once, and
the waiting note-off becomes void. A note-on that is later than its tolerance is dropped. A note-off is always sent.
Positions are beats on the session's axis; the mapping to seconds is passed in.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from companion.midi.messages import ChannelMessage, ControlChange, NoteOff, NoteOn
from companion.session.api.effects import SendMidi

LATE_SECONDS = 0.02
CLICK, THRU = -1, -2  # voices that are not lanes
OFF, CONTROL, ON = 0, 1, 2  # rank at one position

Mapper = Callable[[float], float]  # position in beats → seconds
SoundKey = tuple[str, int, int]  # port, channel, key


@dataclass(frozen=True, slots=True)
class Voice:
    """Which lane plays on which port and channel. lane: an index, or CLICK, or THRU."""

    lane: int
    port: str
    channel: int


@dataclass(slots=True, eq=False)
class _Waiting:
    voice: Voice
    bar: int
    key: int
    velocity: int  # of a note-on
    end: float
    note_id: int = 0  # of a note-off
    message: ChannelMessage | None = None  # of a controller and the like


class Scheduler:
    """`add` notes, `run` what is due, `silence` what sounds. Effects go to `emit`; allowed: whether a lane (or CLICK) may sound now."""

    def __init__(
        self,
        emit: Callable[[SendMidi], None],
        latency_seconds: Mapping[str, float],
        allowed: Callable[[int], bool] = lambda lane: True,
    ) -> None:
        self._emit = emit
        self._allowed = allowed
        self._latency = dict(latency_seconds)
        self._queues: dict[str, list[tuple[float, int, int, _Waiting]]] = {}
        self._sounding: dict[int, tuple[Voice, int]] = {}
        self._owner: dict[SoundKey, int] = {}
        self._orphans: dict[str, list[tuple[int, int]]] = {}  # on lost ports: (channel, key) owed a note-off
        self._lost: set[str] = set()
        self._channels: set[tuple[str, int]] = set()
        self._serial = 0
        self._next_id = 1
        self.notes_out = 0
        self.late_dropped = 0

    # -- what waits ---------------------------------------------------------------------------------------------------

    def add(self, voice: Voice, bar: int, key: int, velocity: int, start: float, end: float) -> None:
        """A note from `start` to `end` (beats); bar: for `cancel`."""
        queue = self._queues.setdefault(voice.port, [])
        self._push(queue, start, ON, _Waiting(voice, bar, key, velocity, end))

    def add_control(self, voice: Voice, bar: int, message: ChannelMessage, position: float) -> None:
        """A message that is not a note, at a position (beats): behind the note-offs there, before the note-ons, and never too late."""
        queue = self._queues.setdefault(voice.port, [])
        self._push(queue, position, CONTROL, _Waiting(voice, bar, 0, 0, position, message=message))

    def cancel(self, lane: int, from_bar: int = -(10**9)) -> None:
        """Forget a lane's notes that have not begun, from a bar on. Sounding notes go on to their end."""
        for queue in self._queues.values():
            kept = [item for item in queue if item[1] != ON or item[3].voice.lane != lane or item[3].bar < from_bar]
            if len(kept) < len(queue):
                queue[:] = kept
                heapq.heapify(queue)

    def revise(self, lane: int, position: float, stays: Callable[[int], bool]) -> None:
        """From a position on a lane plays something else: what has not begun by then is forgotten, and a key that does not
        stay (by its number) ends there.
        """
        for queue in self._queues.values():
            kept = [item for item in queue if item[1] == OFF or item[3].voice.lane != lane or item[0] < position]
            ending = [
                (rank, item)
                for _, rank, _, item in kept
                if item.voice.lane == lane and item.end > position and not stays(item.key)
            ]
            queue[:] = kept
            heapq.heapify(queue)
            for rank, item in ending:
                item.end = position
                if rank == OFF:
                    # The note-off that waited is void once this one has been sent.
                    self._push(queue, position, OFF, item)

    def stop(self, now: float) -> None:
        """Forget all waiting notes and end the sounding ones. Only thru notes last as long as their keys."""
        for queue in self._queues.values():
            queue.clear()
        self._end_all(now, lambda voice: voice.lane != THRU)

    def next_due(self, to_seconds: Mapper) -> float:
        """When `run` next has something to do; infinity if nothing waits."""
        due = math.inf
        for port, queue in self._queues.items():
            while queue and queue[0][1] == OFF and queue[0][3].note_id not in self._sounding:
                heapq.heappop(queue)
            if queue:
                due = min(due, to_seconds(queue[0][0]) - self._latency.get(port, 0.0))
        return due

    def run(self, now: float, to_seconds: Mapper) -> None:
        """Send everything that is due by now."""
        for port, queue in self._queues.items():
            latency = self._latency.get(port, 0.0)
            while queue:
                position, rank, _, item = queue[0]
                due = to_seconds(position) - latency
                if due > now:
                    break
                heapq.heappop(queue)
                if rank == OFF:
                    if item.note_id in self._sounding:
                        self._end(item.note_id, due)
                elif item.message is not None:
                    self._control(item.voice, item.message, due, position)
                elif now - due > LATE_SECONDS:
                    self.late_dropped += 1
                elif self._allowed(item.voice.lane):
                    self._begin(queue, item, due, position)

    # -- what sounds --------------------------------------------------------------------------------------------------

    def strike(self, voice: Voice, key: int, velocity: int, now: float) -> int:
        """A note that begins now and ends by `release` (thru)."""
        return self._sound(voice, key, velocity, now)

    def release(self, note_id: int, now: float) -> None:
        """End a note by its id; void ids are ignored."""
        if note_id in self._sounding:
            self._end(note_id, now)

    def silence(self, now: float, lanes: Iterable[int]) -> None:
        """End the sounding notes of some lanes."""
        wanted = set(lanes)
        self._end_all(now, lambda voice: voice.lane in wanted)

    def panic(self, now: float) -> None:
        """Tracked note-offs, then sustain off, all notes off, all sound off on every channel used."""
        self.stop(now)
        self._end_all(now, lambda voice: True)
        for port, channel in sorted(self._channels):
            if port in self._lost:
                continue
            for controller in (64, 123, 120):
                self._emit(SendMidi(port, ControlChange(channel, controller, 0), now))

    def sounding(self, lane: int) -> tuple[int, ...]:
        """The keys that a lane holds."""
        return tuple(sorted(key for voice, key in self._sounding.values() if voice.lane == lane))

    @property
    def sounding_count(self) -> int:
        """Notes that sound, or are owed a note-off on a lost port."""
        return len(self._sounding) + sum(len(owed) for owed in self._orphans.values())

    @property
    def hanging_count(self) -> int:
        """The number of notes that sound although none of ours should; without thru, clicks and notes owed on lost ports."""
        return sum(voice.lane >= 0 for voice, _ in self._sounding.values())

    # -- ports --------------------------------------------------------------------------------------------------------

    def set_latency(self, port: str, seconds: float) -> None:
        """Set the latency of a port. Positive values send that much earlier."""
        self._latency[port] = seconds

    @property
    def max_latency(self) -> float:
        """Of any port."""
        return max(self._latency.values(), default=0.0)

    def port_lost(self, port: str) -> None:
        """The port was lost: note-offs for its sounding notes are owed."""
        self._lost.add(port)
        owed = self._orphans.setdefault(port, [])
        for note_id, (voice, key) in list(self._sounding.items()):
            if voice.port == port:
                del self._sounding[note_id]
                self._owner.pop((port, voice.channel, key), None)
                owed.append((voice.channel, key))

    def port_back(self, port: str, now: float) -> None:
        """The port is back: send the note-offs that are owed."""
        self._lost.discard(port)
        for channel, key in self._orphans.pop(port, ()):
            self._emit(SendMidi(port, NoteOff(channel, key), now))

    def close(self, now: float) -> None:
        """Send the last note-offs, also on lost ports, in case they can still be delivered."""
        self.stop(now)
        self._end_all(now, lambda voice: True)
        for port in list(self._orphans):
            self.port_back(port, now)

    def _end_all(self, now: float, wanted: Callable[[Voice], bool]) -> None:
        for note_id in [note_id for note_id, (voice, _) in self._sounding.items() if wanted(voice)]:
            self._end(note_id, now)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _push(self, queue: list[tuple[float, int, int, _Waiting]], position: float, rank: int, item: _Waiting) -> None:
        self._serial += 1
        heapq.heappush(queue, (position, rank, self._serial, item))

    def _begin(
        self, queue: list[tuple[float, int, int, _Waiting]], item: _Waiting, due: float, position: float
    ) -> None:
        if item.voice.port in self._lost:
            return
        note_id = self._sound(item.voice, item.key, item.velocity, due, position)
        self._push(queue, item.end, OFF, _Waiting(item.voice, item.bar, item.key, 0, item.end, note_id))

    def _control(self, voice: Voice, message: ChannelMessage, due: float, position: float) -> None:
        if voice.port not in self._lost:
            self._channels.add((voice.port, voice.channel))
            self._emit(SendMidi(voice.port, message, due, max(voice.lane, -1), position))

    def _sound(self, voice: Voice, key: int, velocity: int, due: float, position: float | None = None) -> int:
        if voice.port in self._lost:
            return 0
        where = (voice.port, voice.channel, key)
        if (owner := self._owner.get(where)) is not None:
            self._end(owner, due)
        note_id = self._next_id
        self._next_id += 1
        self._sounding[note_id] = (voice, key)
        self._owner[where] = note_id
        self._channels.add((voice.port, voice.channel))
        self.notes_out += 1
        self._emit(SendMidi(voice.port, NoteOn(voice.channel, key, velocity), due, max(voice.lane, -1), position))
        return note_id

    def _end(self, note_id: int, due: float) -> None:
        voice, key = self._sounding.pop(note_id)
        self._owner.pop((voice.port, voice.channel, key), None)
        self._emit(SendMidi(voice.port, NoteOff(voice.channel, key), due, max(voice.lane, -1)))
