"""Plays the messages of a song other than notes: controllers, programs, bends, pressure, system exclusive messages.

They go out with the bars they stand in. Wherever a bar does not simply follow the one before it in the song (a start, a seek, the end of
a loop), each channel is first brought into the state that it has there in the song, as a sequencer "chases" controllers; what it has
already is not sent again.

A channel with a written part that sounds gets everything. One on which only the companion plays gets what makes its sound (bank, volume,
pan, effects), but no pedal, bend or pressure: these belong to notes that it does not play. A channel of silent parts gets nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from companion.midi.messages import ChannelMessage, ControlChange, PitchBend, Pressure, ProgramChange, SystemExclusive
from companion.music.units import DRUM_CHANNEL
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
AT_ONCE_BEATS = 1e-6

Target = tuple[str, int]  # port, channel
Key = tuple[int, int]  # kind; number of the controller or key, else 0
State = dict[Key, tuple[int, int]]  # data bytes, in the order in which they were set last
Written = tuple[float, int, int, int]  # see PartControls


class WrittenChannel:
    """What is written for one channel of an output, and the state that it was brought into.

    lane: on whose behalf it is sent. events: ascending. starts: song beats of every bar line and the end. sent: the state so far.
    """

    def __init__(self, lane: int, events: Sequence[Written], starts: Sequence[float], sent: State) -> None:
        self.lane, self.sent = lane, sent
        times = [event[0] for event in events]
        firsts = [bisect_left(times, start - AT_ONCE_BEATS) for start in starts[:-1]]
        self._bars = [events[first:last] for first, last in pairwise([*firsts, len(events)])]
        self._states: list[State] = [{}]
        for bar in self._bars:
            state = self._states[-1]
            if bar:
                state = dict(state)
                for event in bar:
                    _take(state, event)
            self._states.append(state)

    def written_in(self, song_bar: int) -> Sequence[Written]:
        """The events of a bar."""
        return self._bars[song_bar]

    def state_at(self, song_bar: int, beats: float) -> State:
        """What holds at a place in a bar (song beats), with what is written at that very place.

        A controller that the song uses later, but has not used yet, has its initial value.
        """
        state = dict(self._states[song_bar])
        for event in self._bars[song_bar]:
            if event[0] > beats + AT_ONCE_BEATS:
                break
            _take(state, event)
        at_first = {key: _AT_FIRST[key] for key in self._states[-1] if key not in state and key in _AT_FIRST}
        return at_first | state

    def took(self, event: Written) -> None:
        """Record that an event was sent."""
        _take(self.sent, event)

    def forget(self) -> None:
        """Forget the state of the channel, because it is no longer known."""
        self.sent.clear()


class SongControls:
    """Empty without a song. Positions are session beats, unless they are called song beats."""

    def __init__(
        self, song: Song | None, lanes: Lanes, time: MusicalTime, scheduler: Scheduler, outbox: Outbox
    ) -> None:
        self._lanes, self._time, self._scheduler, self._outbox = lanes, time, scheduler, outbox
        self._read(song)

    def _read(self, song: Song | None) -> None:
        self._controls: Sequence[PartControls] = song.controls if song else ()
        self._programs = [track.program for track in song.score.tracks] if song else []
        self._sysex = song.sysex if song else ()
        self._sysex_sent = 0
        self._channels: dict[Target, WrittenChannel] = {}
        self._made_for: object = None
        self._next: tuple[int, int] | None = None  # (session bar, song bar) that would simply follow

    def use_song(self, song: Song | None, now: float) -> None:
        """Play what stands in another song. What the one before has left, such as a pedal, ends."""
        self.rest(now)
        self._read(song)

    def bar(self, bar: int, from_position: float | None = None) -> None:
        """Schedule what is written in a bar (from a position within it, if given), after the state that holds where it begins."""
        if not self._controls:
            return
        songbook, timeline = self._time.songbook, self._time.timeline
        line, song_bar = timeline.start(bar), timeline.song_bar(bar)
        if song_bar < 0:  # an intro sounds as the song does where it begins
            self._chase(bar, line if from_position is None else max(from_position, line))
            return
        begin = line if from_position is None else max(from_position, line)
        follows = begin <= line and self._next == (bar, song_bar)
        self._next = (bar + 1, song_bar + 1)
        if song_bar >= songbook.bar_count:
            return
        to_session = line - songbook.start(song_bar)
        for target, channel in self._current().items():
            if not follows:
                for key, data in channel.state_at(song_bar, begin - to_session).items():
                    if channel.sent.get(key) != data:
                        self._schedule(target, channel, bar, (0.0, key[0], *data), begin)
            for event in channel.written_in(song_bar):
                position = event[0] + to_session
                if follows or position > begin + AT_ONCE_BEATS:
                    self._schedule(target, channel, bar, event, position)

    def _chase(self, bar: int, begin: float) -> None:
        """Bring each channel into the state that it has where the song begins."""
        self._next = None
        for target, channel in self._current().items():
            for key, data in channel.state_at(0, 0.0).items():
                if channel.sent.get(key) != data:
                    self._schedule(target, channel, bar, (0.0, key[0], *data), begin)

    def introduce(self, now: float, song_bar: int) -> None:
        """Before anything else of a start: the system exclusive messages up to a song bar that have not been sent yet."""
        self._next = None
        before = self._time.songbook.start(song_bar) + AT_ONCE_BEATS
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
            channel.forget()

    def port_back(self, port: str) -> None:
        """It is unknown what a returning device has kept. With the next bar it gets everything again."""
        for (name, _), channel in self._channels.items():
            if name == port:
                channel.forget()
        self._next = None

    # -- inside -------------------------------------------------------------------------------------------------------

    def _schedule(self, target: Target, channel: WrittenChannel, bar: int, event: Written, position: float) -> None:
        key, data = _key(event), event[2:]
        channel.took(event)
        port, number = target
        if key[0] == KEY_PRESSURE and number != DRUM_CHANNEL:
            data = (data[0] + self._time.songbook.transpose, data[1])
            if not 0 <= data[0] <= 127:
                return
        self._scheduler.add_control(Voice(channel.lane, port, number), bar, _message(number, key, data), position)

    def _current(self) -> Mapping[Target, WrittenChannel]:
        """The channels as the lanes are now."""
        lanes = [
            lane for lane in self._lanes if lane.song_track is not None and not lane.removed and lane.role != "human"
        ]
        made_for = [(lane.song_track, lane.role, lane.program, lane.output_port, lane.out_channel) for lane in lanes]
        if made_for != self._made_for:
            self._made_for = made_for
            songbook = self._time.songbook
            starts = [songbook.start(bar) for bar in range(songbook.bar_count + 1)]
            before, self._channels = self._channels, {}
            for target, (lane, events) in _written(self._controls, lanes, self._programs).items():
                sent = before[target].sent if target in before else {}
                self._channels[target] = WrittenChannel(lane, events, starts, sent)
        return self._channels


def _written(
    controls: Iterable[PartControls], lanes: Sequence[Lane], programs: Sequence[int]
) -> dict[Target, tuple[int, list[Written]]]:
    """For each channel on which somebody sounds: on whose behalf, and what is written for it in order of time.

    programs: of each track as it is written. Where the player has chosen another one, that is kept.
    """
    sounding: dict[Target, list[Lane]] = {}
    for lane in lanes:
        if lane.role in ("backing", "companion"):
            sounding.setdefault((lane.output_port, lane.out_channel), []).append(lane)
    found: dict[Target, tuple[int, list[Written]]] = {}
    for written in controls:
        targets = {(lane.output_port, lane.out_channel) for lane in lanes if lane.song_track in written.parts}
        for target in sorted(targets & sounding.keys()):
            backing = [lane for lane in sounding[target] if lane.role == "backing"]
            lane = (backing or sounding[target])[0]
            events = found.setdefault(target, (lane.index, []))[1]
            chosen = [each.program for each in backing if programs[each.song_track or 0] != each.program]
            if not backing:
                events += _sound_only(written.events, lane.program)
            elif chosen:
                events += _with_program(written.events, chosen[0])
            else:
                events += written.events
    for _, events in found.values():
        events.sort(key=lambda event: event[0])
    return found


def _with_program(events: Iterable[Written], program: int) -> Iterable[Written]:
    return ((beats, kind, program if kind == PROGRAM else first, second) for beats, kind, first, second in events)


def _sound_only(events: Iterable[Written], program: int) -> Iterable[Written]:
    """What makes the sound of a channel whose program is the companion's; a bank counts with the program behind it."""
    for event in _with_program(events, program):
        if event[1] == PROGRAM or (event[1] == CONTROLLER and event[2] in _OF_THE_SOUND):
            yield event


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
