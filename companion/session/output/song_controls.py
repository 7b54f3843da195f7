"""What a song says beside its notes, played: controllers, programs, bends, pressure, system exclusive messages.

They go out with the bars they stand in. Wherever a bar does not simply follow the one before it in the song (a start, a seek, the end of
a loop), each channel is first brought into the state that it has there in the song, as a sequencer "chases" controllers; what it has
already is not sent again.

A channel with a written part that sounds gets everything. One on which only the companion plays gets what makes its sound (bank, volume,
pan, effects), but no pedal, bend or pressure: these belong to notes that it does not play. A channel of silent parts gets nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from companion.midi.messages import ChannelMessage, ControlChange, PitchBend, Pressure, ProgramChange, SystemExclusive
from companion.session.api.settings import PartControls, Song
from companion.session.lanes import Lane, Lanes
from companion.session.output.outbox import Outbox
from companion.session.output.scheduler import Scheduler, Voice
from companion.session.timing.musical_time import MusicalTime

KEY_PRESSURE, CONTROLLER, PROGRAM, PRESSURE, BEND = 0xA0, 0xB0, 0xC0, 0xD0, 0xE0
BANK_SELECTS = (0, 32)
# Bank, volume, pan, expression, sound controllers, effect depths: what belongs to a channel, whatever notes it plays.
_OF_THE_SOUND = frozenset((*BANK_SELECTS, 7, 8, 10, 11, *range(70, 80), *range(91, 96)))
# What a channel has where the song has not said anything yet (General MIDI, RP-015 "Response to Reset All Controllers").
_AT_FIRST: dict[tuple[int, int], tuple[int, int]] = {
    **{(CONTROLLER, number): (number, 0) for number in (1, 64, 65, 66, 67, 68, 69)},
    **{(CONTROLLER, number): (number, value) for number, value in ((7, 100), (10, 64), (11, 127))},
    (PRESSURE, 0): (0, 0),
    (BEND, 0): (0, 64),
}
# What must not outlast the notes it belongs to.
_OF_THE_NOTES = frozenset(
    [(CONTROLLER, 1), *((CONTROLLER, number) for number in range(64, 70)), (PRESSURE, 0), (BEND, 0)]
)
_AT_THE_SAME_TIME_BEATS = 1e-6

Target = tuple[str, int]  # port, channel
Key = tuple[int, int]  # kind; number of the controller or key, else 0
State = dict[Key, tuple[int, int]]  # data bytes, in the order in which they were set last
Written = tuple[float, int, int, int]  # see PartControls


@dataclass(slots=True)
class _Channel:
    """What is written for one channel of an output. lane: on whose behalf it is sent; program: the companion's own, if it plays here."""

    lane: int
    program: int | None
    events: list[Written] = field(default_factory=list)
    sent: State = field(default_factory=dict)
    states: list[State] = field(default_factory=list)  # at the line of every song bar
    firsts: list[int] = field(default_factory=list)  # index of the first event of every song bar


class SongControls:
    """Empty without a song. Positions are session beats, unless they are called song beats."""

    def __init__(
        self, song: Song | None, lanes: Lanes, time: MusicalTime, scheduler: Scheduler, outbox: Outbox
    ) -> None:
        self._lanes, self._time, self._scheduler, self._outbox = lanes, time, scheduler, outbox
        self._controls: Sequence[PartControls] = song.controls if song else ()
        self._sysex = song.sysex if song else ()
        self._sysex_sent = 0
        self._channels: dict[Target, _Channel] = {}
        self._made_for: object = None
        self._next: tuple[int, int] | None = None  # (session bar, song bar) that would simply follow

    def bar(self, bar: int, from_position: float | None = None) -> None:
        """Schedule what is written in a bar (from a position within it, if given), after the state that holds where it begins."""
        if not self._controls:
            return
        songbook, timeline = self._time.songbook, self._time.timeline
        line, song_bar = timeline.start(bar), timeline.song_bar(bar)
        begin = line if from_position is None else max(from_position, line)
        follows = begin <= line and self._next == (bar, song_bar)
        self._next = (bar + 1, song_bar + 1)
        if song_bar >= songbook.bar_count:
            return
        to_session = line - songbook.start(song_bar)
        for target, channel in self._current().items():
            if not follows:
                self._chase(target, channel, bar, song_bar, begin, to_session)
            for event in channel.events[channel.firsts[song_bar] : channel.firsts[song_bar + 1]]:
                position = event[0] + to_session
                if position >= begin - _AT_THE_SAME_TIME_BEATS:
                    self._schedule(target, channel, bar, event, max(position, begin))

    def introduce(self, now: float, song_bar: int) -> None:
        """Before anything else of a start: the system exclusive messages up to a song bar that have not been sent yet."""
        self._next = None
        before = self._time.songbook.start(song_bar) + _AT_THE_SAME_TIME_BEATS
        ports = sorted({lane.output_port for lane in self._lanes.of("backing")})
        while self._sysex_sent < len(self._sysex) and self._sysex[self._sysex_sent][0] <= before:
            for port in ports:
                self._outbox.send(port, SystemExclusive(self._sysex[self._sysex_sent][1]), now)
            self._sysex_sent += 1

    def rest(self, now: float) -> None:
        """The music stops: pedals are lifted, bends and pressure end."""
        self._next = None
        for (port, number), channel in self._channels.items():
            for key, data in channel.sent.items():
                if key in _OF_THE_NOTES and data != _AT_FIRST[key]:
                    self._outbox.send(port, _message(number, key, _AT_FIRST[key]), now, channel.lane)
            channel.sent.clear()

    def port_back(self, port: str) -> None:
        """Nobody knows what a device that was away has kept: with the next bar it gets everything anew."""
        for (name, _), channel in self._channels.items():
            if name == port:
                channel.sent.clear()
        self._next = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _chase(
        self, target: Target, channel: _Channel, bar: int, song_bar: int, begin: float, to_session: float
    ) -> None:
        state = dict(channel.states[song_bar])
        for event in channel.events[channel.firsts[song_bar] : channel.firsts[song_bar + 1]]:
            if event[0] + to_session >= begin - _AT_THE_SAME_TIME_BEATS:
                break
            _take(state, event)
        used = (key for key in channel.states[-1] if key not in state and key in _AT_FIRST)
        for key, data in [*((key, _AT_FIRST[key]) for key in used), *state.items()]:
            if channel.sent.get(key) != data:
                self._schedule(target, channel, bar, (0.0, key[0], *data), begin)

    def _schedule(self, target: Target, channel: _Channel, bar: int, event: Written, position: float) -> None:
        key, data = _key(event), event[2:]
        _take(channel.sent, event)
        port, number = target
        self._scheduler.add_control(Voice(channel.lane, port, number), bar, _message(number, key, data), position)

    def _current(self) -> Mapping[Target, _Channel]:
        """The channels as the lanes are now."""
        lanes = [
            lane for lane in self._lanes if lane.song_track is not None and not lane.removed and lane.role != "human"
        ]
        made_for = [(lane.song_track, lane.role, lane.program, lane.output_port, lane.out_channel) for lane in lanes]
        if made_for != self._made_for:
            self._made_for = made_for
            sent = {target: channel.sent for target, channel in self._channels.items()}
            self._channels = _channels(self._controls, lanes)
            starts = [self._time.songbook.start(bar) for bar in range(self._time.songbook.bar_count + 1)]
            for target, channel in self._channels.items():
                channel.sent = sent.get(target, {})
                _index(channel, starts)
        return self._channels


def _channels(controls: Iterable[PartControls], lanes: Sequence[Lane]) -> dict[Target, _Channel]:
    """What is written for each channel on which somebody sounds, in order of time."""
    sounding: dict[Target, list[Lane]] = {}
    for lane in lanes:
        if lane.role in ("backing", "companion"):
            sounding.setdefault((lane.output_port, lane.out_channel), []).append(lane)
    found: dict[Target, _Channel] = {}
    for written in controls:
        parts = set(written.parts)
        for target in {(lane.output_port, lane.out_channel) for lane in lanes if lane.song_track in parts}:
            if target not in sounding:
                continue
            backing = [lane for lane in sounding[target] if lane.role == "backing"]
            lane = (backing or sounding[target])[0]
            channel = found.setdefault(target, _Channel(lane.index, None if backing else lane.program))
            channel.events += written.events if backing else _sound_only(written.events, lane.program)
    for channel in found.values():
        channel.events.sort(key=lambda event: event[0])
    return found


def _sound_only(events: Iterable[Written], program: int) -> Iterable[Written]:
    """What makes the sound of a channel whose program is the companion's; a bank counts with the program behind it."""
    for beats, kind, first, second in events:
        if kind == PROGRAM:
            yield beats, kind, program, 0
        elif kind == CONTROLLER and first in _OF_THE_SOUND:
            yield beats, kind, first, second


def _index(channel: _Channel, starts: Sequence[float]) -> None:
    """Find the events and the state of every song bar."""
    times = [event[0] for event in channel.events]
    channel.firsts = [bisect_left(times, start - _AT_THE_SAME_TIME_BEATS) for start in starts]
    channel.firsts[-1] = len(times)
    channel.states, state, done = [], {}, 0
    for first in channel.firsts:
        if first > done:
            state = dict(state)
            for event in channel.events[done:first]:
                _take(state, event)
            done = first
        channel.states.append(state)


def _key(event: Written) -> Key:
    return event[1], event[2] if event[1] in (CONTROLLER, KEY_PRESSURE) else 0


def _take(state: State, event: Written) -> None:
    """Put an event last: bank before program, and a parameter's number before its value, stay in this order."""
    key = _key(event)
    state.pop(key, None)
    state[key] = event[2:]


def _message(channel: int, key: Key, data: tuple[int, int]) -> ChannelMessage:
    kind, (first, second) = key[0], data
    if kind == CONTROLLER:
        return ControlChange(channel, first, second)
    if kind == PROGRAM:
        return ProgramChange(channel, first)
    if kind == BEND:
        return PitchBend(channel, (first | second << 7) - 8192)
    return Pressure(channel, second if kind == KEY_PRESSURE else first, first if kind == KEY_PRESSURE else None)
