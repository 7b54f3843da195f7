"""A log → a song: all tracks with the tempo map that the performance really had.

Bar lines come from the marks in the log, and so do the tempos between them, to within a millisecond. A pause between two runs of the
clock becomes whole bars of rest, so that nothing that was played is lost and bars stay bars. Our own notes lie where they were meant,
the player's where they were played; pedals, bends and the like lie where they were moved.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from companion.midi.messages import NOTES_OFF, ControlChange, NoteOff, NoteOn
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.song import FileSong
from companion.music.units import RESOLUTION, bpm_to_tempo
from companion.runtime.recording.music.moves import controls_of, moves_of
from companion.runtime.recording.music.tempo_points import Point, beats_at, bend_between, essential
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import Mark, MessageSent, MidiArrived
from companion.session.api.settings import SessionSettings, TrackSettings

_RUNNING = ("running", "lost")
_SLOWEST, _FASTEST = 5.0, 2000.0  # tempi a file may name
_MAX_PAUSE_BARS = 64
_NEAREST_BEATS = 1 / 96  # known moments closer together than this say nothing about the tempo
_FIRST_LANE = 1000  # numbers of tracks: players first, then lanes


@dataclass
class BarLines:
    """Times of bar lines, ascending, with the meter of the bar that begins there and its session position, if it has one.

    known: further moments whose session position is known, ascending.
    """

    seconds: list[float] = field(default_factory=list)
    meters: list[TimeSignature] = field(default_factory=list)
    positions: list[float | None] = field(default_factory=list)
    known: list[Point] = field(default_factory=list)
    _points: dict[int, list[Point]] = field(default_factory=dict)

    def add(self, seconds: float, meter: TimeSignature, position: float | None = None) -> None:
        """One more line; one that does not come after the last is passed over."""
        if not self.seconds or seconds > self.seconds[-1] + 1e-3:
            self.seconds.append(seconds)
            self.meters.append(meter)
            self.positions.append(position)

    def bar_seconds(self, bar: int) -> float:
        """Length of a bar; the last line's bar is as long as the one before it."""
        bar = min(max(bar, 0), len(self.seconds) - 2)
        return self.seconds[bar + 1] - self.seconds[bar]

    def points(self, bar: int) -> list[Point]:
        """(seconds, beats from the bar's line) from this line to the next, between which the tempo is even."""
        if bar not in self._points:
            start, end, beats = (
                self.seconds[bar],
                self.seconds[bar] + self.bar_seconds(bar),
                float(self.meters[bar].beats),
            )
            points, line = [(start, 0.0)], self.positions[bar]
            first = bisect_right(self.known, (start, float("inf")))
            for seconds, position in self.known[first:]:
                if line is None or seconds >= end:
                    break
                if points[-1][1] + _NEAREST_BEATS < position - line < beats - _NEAREST_BEATS:
                    points.append((seconds, position - line))
            self._points[bar] = essential([*points, (end, beats)])
        return self._points[bar]

    def tempos(self, bar: int) -> Iterable[tuple[int, int]]:
        """(ticks from the bar's line, µs a quarter) of the tempos within a bar."""
        for before, after in pairwise(self.points(bar)):
            first, last = round(before[1] * RESOLUTION), round(after[1] * RESOLUTION)
            if last > first:
                bpm = (last - first) / RESOLUTION * 60 / (after[0] - before[0])
                yield first, bpm_to_tempo(min(max(bpm, _SLOWEST), _FASTEST))

    def place(self, seconds: float) -> tuple[int, int]:
        """(bar, ticks from its line) of a moment."""
        bar = max(bisect_right(self.seconds, seconds) - 1, 0)
        length = self.meters[bar].bar_ticks(RESOLUTION)
        return bar, min(max(round(beats_at(self.points(bar), seconds) * RESOLUTION), 0), length - 1)

    def place_position(self, seconds: float, position: float | None) -> tuple[int, int]:
        """The same from a session position, exact where one is known; `seconds` tells which run of the clock is meant."""
        bar, ticks = self.place(seconds)
        if position is None:
            return bar, ticks
        for near in (bar, bar + 1, bar - 1):
            line = self.positions[near] if 0 <= near < len(self.positions) else None
            if line is None:
                continue
            offset = round((position - line) * RESOLUTION)
            if 0 <= offset < self.meters[near].bar_ticks(RESOLUTION):
                return near, offset
        return bar, ticks


def song_of(log: Log) -> FileSong:
    """Everything that was played and sent, as a song at 480 ticks a quarter."""
    settings = log.settings
    players = _players(log, settings)
    notes = list(_played(log, players)) + list(_sent(log, settings))
    lines = bar_lines(log, [note[1] for note in notes] + [note[2] for note in notes])
    meters = lines.meters[:-1]
    cells: dict[int, dict[int, list[Note]]] = defaultdict(lambda: defaultdict(list))
    starts = [0]
    for meter in meters:
        starts.append(starts[-1] + meter.bar_ticks(RESOLUTION))
    tracks: dict[int, TrackSettings] = {}
    for (number, track), start, end, position, message in notes:
        bar, onset = lines.place_position(start, position)
        bar = min(bar, len(meters) - 1)
        end_bar, end_ticks = lines.place(end)
        duration = starts[min(end_bar, len(meters))] + end_ticks - starts[bar] - onset
        tracks[number] = track
        cells[number][bar].append(Note(onset, max(duration, 1), message.key, message.velocity))
    score_tracks = [
        Track(
            tuple(
                Bar(tuple(sorted(cells[number][bar], key=lambda n: (n.onset_ticks, n.pitch))), meter)
                for bar, meter in enumerate(meters)
            ),
            track.program,
            track.is_drum,
            track.name,
            track.channel,
        )
        for number, track in sorted(tracks.items())
    ]
    tempo_map: list[tuple[int, int]] = []
    for bar in range(len(meters)):
        for ticks, tempo in lines.tempos(bar):
            if not tempo_map or tempo != tempo_map[-1][1]:
                tempo_map.append((starts[bar] + ticks, tempo))

    def tick_at(seconds: float) -> int:
        bar, ticks = lines.place(seconds)
        return starts[min(bar, len(meters))] + ticks if seconds >= lines.seconds[0] else 0

    moves = moves_of(log, {place: number for place, (number, _) in players.items()}, _lane_numbers(tracks))
    controls = tuple(
        controls_of(moves.get(number, ()), track.program, tick_at) for number, track in sorted(tracks.items())
    )
    score = Score(tuple(score_tracks), RESOLUTION, tempo_map[0][1])
    return FileSong(score, tuple(tempo_map), (), tuple(starts), controls=controls)


def marks_of(log: Log) -> list[Mark]:
    """The log's marks."""
    return list(log.of_kind(Mark))


def bar_lines(log: Log, moments: Iterable[float] = ()) -> BarLines:
    """Bar lines that cover all runs of the clock and all `moments`; at least one bar."""
    clock = log.settings.clock
    bar_seconds = float(clock.time_signature.beats) * 60 / clock.bpm
    lines = BarLines()
    for run in _runs(marks_of(log)):
        _add_run(lines, run)
    moments = list(moments)
    if not lines.seconds:
        lines.add(min(moments, default=log.start_seconds), clock.time_signature)
    if len(lines.seconds) == 1:
        lines.add(lines.seconds[0] + bar_seconds, lines.meters[0])
    first, length = lines.seconds[0], lines.bar_seconds(0)
    early = min(moments, default=first)
    while early < first and len(lines.seconds) < 100_000:
        first -= length
        lines.seconds.insert(0, first)
        lines.meters.insert(0, lines.meters[0])
        lines.positions.insert(0, None)
    late, length = max(moments, default=first), lines.bar_seconds(len(lines.seconds))
    while late >= lines.seconds[-1] and len(lines.seconds) < 100_000:
        lines.add(lines.seconds[-1] + length, lines.meters[-1])
    return lines


def _runs(marks: list[Mark]) -> list[list[Mark]]:
    """Marks between which the music went on without a jump."""
    runs: list[list[Mark]] = []
    previous: Mark | None = None
    for mark in marks:
        if mark.state not in _RUNNING or mark.bpm <= 0:
            previous = None
            continue
        goes_on = previous is not None and previous.position <= mark.position and _steady(previous, mark)
        if not goes_on:
            runs.append([])
        runs[-1].append(mark)
        previous = mark
    return runs


def _steady(before: Mark, after: Mark) -> bool:
    """Whether the distance between two marks agrees with the tempo, so that it is not a seek."""
    expected = (after.seconds - before.seconds) * before.bpm / 60
    return abs(after.position - before.position - expected) < 0.5 + expected


def _add_run(lines: BarLines, run: list[Mark]) -> None:
    first = run[0]
    start = first.seconds - first.beat * 60 / first.bpm
    _add_pause(lines, start)
    lines.add(start, first.meter, first.position - first.beat)
    lines.known.append((first.seconds, first.position))
    for before, after in pairwise(run):
        now, then = (before.seconds, before.position), (after.seconds, after.position)
        bend = bend_between(now, before.bpm, then, after.bpm)
        lines.known += [then] if bend is None else [bend, then]
        if after.bar > before.bar and after.position > before.position:
            share = (after.position - after.beat - before.position) / (after.position - before.position)
            seconds = before.seconds + min(max(share, 0.0), 1.0) * (after.seconds - before.seconds)
            lines.add(seconds, after.meter, after.position - after.beat)
    last = run[-1]
    rest = (float(last.meter.beats) - last.beat) * 60 / last.bpm
    lines.add(last.seconds + rest, last.meter)


def _add_pause(lines: BarLines, until: float) -> None:
    """Whole bars of rest up to the next run, or the last bar cut short when it comes at once."""
    if not lines.seconds:
        return
    while len(lines.seconds) > 1 and lines.seconds[-1] >= until - 1e-3:
        lines.seconds.pop()
        lines.meters.pop()
        lines.positions.pop()
    gap, last, meter = until - lines.seconds[-1], lines.seconds[-1], lines.meters[-1]
    bars = min(round(gap / lines.bar_seconds(len(lines.seconds))) if len(lines.seconds) > 1 else 1, _MAX_PAUSE_BARS)
    for number in range(1, bars):
        lines.add(last + number * gap / bars, meter)


_Placed = tuple[tuple[int, TrackSettings], float, float, "float | None", NoteOn]  # track, start, end, position, note-on


_Players = dict[tuple[str, int], tuple[int, TrackSettings]]  # (port, channel) → number and track


def _players(log: Log, settings: SessionSettings) -> _Players:
    """One track for each port and channel that notes came from, named after the human lane that fits."""
    numbers: _Players = {}
    humans = [track for track in settings.tracks if track.role == "human"]
    for record in log.of_kind(MidiArrived):
        if isinstance(record.message, (NoteOn, NoteOff)):
            place = (record.port, record.message.channel)
            if place not in numbers:
                numbers[place] = (len(numbers), _human_track(humans, *place))
    return numbers


def _played(log: Log, numbers: _Players) -> Iterable[_Placed]:
    """The notes that came in."""
    held: dict[tuple[str, int, int], tuple[float, NoteOn]] = {}
    last = log.start_seconds
    for record in log.of_kind(MidiArrived):
        seconds, port, message = record.seconds, record.port, record.message
        last = seconds
        if isinstance(message, ControlChange) and message.controller in NOTES_OFF:
            for key in [key for key in held if key[:2] == (port, message.channel)]:
                start, note = held.pop(key)
                yield numbers[key[:2]], start, seconds, None, note
        if not isinstance(message, (NoteOn, NoteOff)):
            continue
        place = (port, message.channel)
        begun = held.pop((*place, message.key), None)
        if begun is not None:
            yield numbers[place], begun[0], seconds, None, begun[1]
        if isinstance(message, NoteOn):
            held[(*place, message.key)] = (seconds, message)
    for (port, channel, _), (start, note) in held.items():
        yield numbers[port, channel], start, max(last, start), None, note


def _human_track(humans: list[TrackSettings], port: str, channel: int) -> TrackSettings:
    is_drum = channel == 9
    for track in humans:
        if track.channel in (None, channel) and track.input_port.lower() in port.lower() and track.is_drum == is_drum:
            return TrackSettings(track.name, "human", track.program, track.is_drum, channel)
    return TrackSettings(f"channel {channel + 1}", "human", is_drum=is_drum, channel=channel)


def _sent(log: Log, settings: SessionSettings) -> Iterable[_Placed]:
    """What we played, one track for each lane, whether or not a port received it.

    The click and the notes passed through are left out.
    """
    held: dict[tuple[int, int, int], tuple[float, float | None, NoteOn]] = {}
    last = log.start_seconds
    for record in log.of_kind(MessageSent):
        message, due, source = record.message, record.due_seconds, record.source
        if source < 0 or not isinstance(message, (NoteOn, NoteOff)):
            continue
        last = due
        key = (source, message.channel, message.key)
        begun = held.pop(key, None)
        if begun is not None:
            yield _lane_track(settings, source, message.channel), begun[0], due, begun[1], begun[2]
        if isinstance(message, NoteOn):
            held[key] = (due, record.position_beats, message)
    for (source, channel, _), (start, position, note) in held.items():
        yield _lane_track(settings, source, channel), start, max(last, start), position, note


def _lane_numbers(tracks: Iterable[int]) -> dict[int, int]:
    """Source → number, of the lanes among the numbers of tracks."""
    return {number - _FIRST_LANE: number for number in tracks if number >= _FIRST_LANE}


def _lane_track(settings: SessionSettings, lane: int, channel: int) -> tuple[int, TrackSettings]:
    if lane < len(settings.tracks):
        track = settings.tracks[lane]
        return _FIRST_LANE + lane, TrackSettings(track.name, track.role, track.program, track.is_drum, channel)
    return _FIRST_LANE + lane, TrackSettings(f"track {lane + 1}", "companion", is_drum=channel == 9, channel=channel)
