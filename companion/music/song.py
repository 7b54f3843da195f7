"""Songs: a score with what a MIDI file says beyond its notes, read from and written to the bytes of such a file.

All times are ticks of the score's grid (480 a quarter unless asked otherwise), whatever the file's own division.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, zip_longest

from companion.errors import MidiFileError
from companion.music import smf
from companion.music.meter import TimeSignature
from companion.music.score import Bar, Note, Score, Track

DEFAULT_TEMPO = 500_000
DRUM_CHANNEL = 9
MAX_BARS = 50_000
MAX_CELLS = 2_000_000  # tracks × bars
_FRACTIONAL_RATES = {29: Fraction(30_000, 1001)}  # SMPTE "29" means 30 drop frame


@dataclass(frozen=True, slots=True)
class Song:
    """A score, and the file's tempo map (tick, µs a quarter), markers (tick, text) and bar lines.

    bar_starts: tick of every bar line, then the end of the last bar. Differs from the sum of the bars' lengths where the file
    changes meter inside a bar. division: the file's own ticks a quarter, kept so that writing repeats its times exactly; 0
    where there is none.
    """

    score: Score
    tempo_map: tuple[tuple[int, int], ...] = ((0, DEFAULT_TEMPO),)
    markers: tuple[tuple[int, str], ...] = ()
    bar_starts: tuple[int, ...] = ()
    division: int = 0

    @classmethod
    def of(cls, score: Score) -> Song:
        """A song with one tempo, from a bare score."""
        return cls(score, ((0, score.tempo),), (), tuple(score_bar_starts(score)))


def score_bar_starts(score: Score) -> list[int]:
    """Tick of every bar line and of the end; the longest track's bars count."""
    longest = max((track.bars for track in score.tracks), key=len, default=())
    return list(accumulate((bar.length_ticks(score.resolution) for bar in longest), initial=0))


# -- reading ----------------------------------------------------------------------------------------------------------


class _Grid:
    """Bar lines in file ticks (with the end) and their meters; file ticks to score ticks, in whole numbers.

    A file tick is `numerator / denominator` score ticks.
    """

    def __init__(self, lines: list[int], meters: list[TimeSignature], per_quarter: Fraction, resolution: int) -> None:
        self.lines, self.meters, self.resolution = lines, meters, resolution
        self.numerator = resolution * per_quarter.denominator
        self.denominator = per_quarter.numerator
        self.starts = [self.rounded(line) for line in lines]
        self.lengths = [
            max(1, min(self.rounded(line_after - line), meter.bar_ticks(resolution)))
            for line, line_after, meter in zip(lines, lines[1:], meters, strict=False)
        ]

    def bar_at(self, tick: int) -> int:
        return min(bisect_right(self.lines, tick), len(self.meters)) - 1

    def rounded(self, ticks: int) -> int:
        """A distance in file ticks, in whole score ticks."""
        return (2 * ticks * self.numerator + self.denominator) // (2 * self.denominator)

    def residual(self, ticks: int, onset: int) -> int:
        """What `onset` score ticks miss of a distance in file ticks, in 1/resolution of a score tick."""
        missing = (ticks * self.numerator - onset * self.denominator) * self.resolution
        return (2 * missing + self.denominator) // (2 * self.denominator)


def song_from_bytes(data: bytes, resolution: int = 480) -> Song:
    """Read a MIDI file's bytes; raises MidiFileError naming the fault.

    Every MTrk is split by channel and program; channel 10 is drums; all tracks get the same bars. The patterns of a format 2
    file follow one another. SMPTE time is laid out at the file's first tempo.
    """
    raw = smf.parse(data)
    if raw.format == 2:
        _lay_end_to_end(raw)
    tempos = sorted((tempo for track in raw.tracks for tempo in track.tempos), key=lambda mark: mark[0])
    first_tempo = tempos[0][1] if tempos else DEFAULT_TEMPO
    per_quarter = _ticks_per_quarter(raw.division, first_tempo)
    grid = _bar_grid(raw, per_quarter, resolution)
    parts = [part for track in raw.tracks for part in _split(track)]
    if len(parts) * len(grid.meters) > MAX_CELLS:
        raise MidiFileError(f"{len(parts)} tracks of {len(grid.meters)} bars are more than can be read")
    tracks = tuple(_track(track.name, notes, grid) for track, notes in parts)
    if raw.division & 0x8000 or not tempos or tempos[0][0] > 0:
        tempos = [(0, first_tempo), *([] if raw.division & 0x8000 else tempos)]
    markers = sorted(mark for track in raw.tracks for mark in track.markers)
    return Song(
        Score(tracks, resolution, first_tempo),
        tuple((grid.rounded(tick), tempo) for tick, tempo in tempos),
        tuple((grid.rounded(tick), text) for tick, text in markers),
        tuple(grid.starts),
        0 if raw.division & 0x8000 else raw.division,
    )


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _ticks_per_quarter(division: int, tempo: int) -> Fraction:
    if not division & 0x8000:
        return Fraction(division)
    frames, per_frame = 256 - (division >> 8), division & 0xFF
    if frames not in (24, 25, 29, 30) or not per_frame:
        raise MidiFileError(f"bad SMPTE division: {frames} frames of {per_frame} ticks")
    return _FRACTIONAL_RATES.get(frames, Fraction(frames)) * per_frame * tempo / 1_000_000


def _lay_end_to_end(raw: smf.RawFile) -> None:
    """Move each pattern of a format 2 file behind the one before; each begins with its own meter (or 4/4)."""
    offset = 0
    for track in raw.tracks:
        if not track.meters or track.meters[0][0] > 0:
            track.meters.insert(0, (0, 4, 4))
        track.notes = [
            smf.RawNote(n.start + offset, n.end + offset, n.channel, n.pitch, n.velocity, n.program)
            for n in track.notes
        ]
        track.tempos = [(tick + offset, tempo) for tick, tempo in track.tempos]
        track.meters = [(tick + offset, num, den) for tick, num, den in track.meters]
        track.markers = [(tick + offset, text) for tick, text in track.markers]
        offset += track.end


def _bar_grid(raw: smf.RawFile, per_quarter: Fraction, resolution: int) -> _Grid:
    """Bars run from each meter mark, at least one, in steps of its length to the next mark or the end of the music."""
    marks = {tick: (num, den) for track in raw.tracks for tick, num, den in track.meters}
    marks.setdefault(0, (4, 4))
    ticks = sorted(marks)
    end = max([ticks[-1], *(note.end for track in raw.tracks for note in track.notes)])
    lines: list[int] = []
    meters: list[TimeSignature] = []
    for start, stop in zip_longest(ticks, ticks[1:], fillvalue=end):
        meter = TimeSignature(*marks[start])
        step = int(per_quarter * meter.beats)
        if step < 1:
            raise MidiFileError(f"bars of {meter} are shorter than one tick of this file")
        count = max(1, -(-(stop - start) // step))
        if len(lines) + count > MAX_BARS:
            raise MidiFileError(f"the music runs over more than {MAX_BARS} bars")
        lines += range(start, start + count * step, step)
        meters += [meter] * count
    lines.append(lines[-1] + int(per_quarter * meters[-1].beats))
    return _Grid(lines, meters, per_quarter, resolution)


def _split(track: smf.RawTrack) -> list[tuple[smf.RawTrack, list[smf.RawNote]]]:
    parts: dict[tuple[int, int], list[smf.RawNote]] = {}
    for note in track.notes:
        parts.setdefault((note.channel, note.program), []).append(note)
    return [(track, parts[key]) for key in sorted(parts)]


def _track(name: str, notes: Sequence[smf.RawNote], grid: _Grid) -> Track:
    rows: dict[int, list[Note]] = {}
    carried: dict[int, list[Note]] = {}
    for raw in notes:
        index, note, is_carried = _place(raw, grid)
        (carried if is_carried else rows).setdefault(index, []).append(note)
    empty = {meter: Bar((), meter) for meter in set(grid.meters)}
    bars = tuple(
        Bar((*carried.get(index, ()), *rows.get(index, ())), meter)
        if index in rows or index in carried
        else empty[meter]
        for index, meter in enumerate(grid.meters)
    )
    channel = notes[0].channel
    return Track(bars, notes[0].program, channel == DRUM_CHANNEL, name, channel)


def _place(raw: smf.RawNote, grid: _Grid) -> tuple[int, Note, bool]:
    """(bar, note, whether it rounded onto this bar's line from the bar before)."""
    bar = grid.bar_at(raw.start)
    onset = grid.rounded(raw.start - grid.lines[bar])
    moved = False
    if onset >= grid.lengths[bar]:
        if bar + 1 < len(grid.meters):
            bar, moved, onset = bar + 1, True, 0
        else:
            onset = grid.lengths[bar] - 1
    delta = grid.residual(raw.start - grid.lines[bar], onset)
    end_bar = grid.bar_at(raw.end)
    end = grid.starts[end_bar] + grid.rounded(raw.end - grid.lines[end_bar])
    duration = max(1, end - grid.starts[bar] - onset)
    return bar, Note(onset, duration, raw.pitch, raw.velocity, delta), moved


# -- writing ----------------------------------------------------------------------------------------------------------


def song_to_bytes(song: Song | Score) -> bytes:
    """A format 1 file: a conductor track, then one track per part.

    The file's division is the song's own, else the score's resolution, or a multiple of it where notes have deltas on a
    grid coarser than 480.
    """
    if isinstance(song, Score):
        song = Song.of(song)
    score = song.score
    has_deltas = any(note.delta for track in score.tracks for bar in track.bars for note in bar.notes)
    finer = -(-480 // score.resolution) if has_deltas and score.resolution < 480 else 1
    division = song.division or score.resolution * finer
    if not 1 <= division <= 0x7FFF:
        raise MidiFileError(f"a resolution of {division} ticks a quarter does not fit a MIDI file")
    scale = Fraction(division, score.resolution)
    starts = song.bar_starts or tuple(score_bar_starts(score))
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    tracks = [_conductor_events(song, starts, scale)]
    for number, track in enumerate(score.tracks):
        usual = DRUM_CHANNEL if track.is_drum else free[number % len(free)]
        channel = usual if track.channel is None or (track.channel == DRUM_CHANNEL) != track.is_drum else track.channel
        tracks.append(_part_events(track, channel, starts, scale, score.resolution))
    return smf.build(division, tracks)


def _conductor_events(song: Song, starts: Sequence[int], scale: Fraction) -> list[tuple[int, bytes]]:
    events = [(tick, smf.meta(smf.META_TEMPO, _tempo_bytes(tempo))) for tick, tempo in song.tempo_map]
    events += [(tick, smf.meta(smf.META_MARKER, text.encode())) for tick, text in song.markers]
    longest = max((track.bars for track in song.score.tracks), key=len, default=())
    expected: tuple[int, TimeSignature] | None = None  # where a bar of the meter in force would end
    for start, bar in zip(starts, longest, strict=False):
        meter = bar.time_signature
        if expected != (start, meter):
            events.append((start, smf.meta(smf.META_METER, _meter_bytes(meter))))
        expected = (start + bar.length_ticks(song.score.resolution), meter)
    return [(_half_up(tick * scale), event) for tick, event in sorted(events, key=lambda event: event[0])]


def _tempo_bytes(tempo: int) -> bytes:
    return min(max(int(tempo), 1), 0xFFFFFF).to_bytes(3, "big")


def _meter_bytes(meter: TimeSignature) -> bytes:
    power = meter.denominator.bit_length() - 1
    if meter.denominator != 1 << power or meter.numerator > 255:
        raise MidiFileError(f"time signature {meter} does not fit a MIDI file")
    return bytes((meter.numerator, power, 24, 8))


def _part_events(
    track: Track, channel: int, starts: Sequence[int], scale: Fraction, resolution: int
) -> list[tuple[int, bytes]]:
    events: list[tuple[int, int, bytes]] = []  # (tick, rank, bytes): note-offs before note-ons of the same tick
    for start, bar in zip(starts, track.bars, strict=False):
        for note in bar.notes:
            onset = start + note.onset_ticks
            tick = max(_half_up(scale * onset + scale * note.delta / resolution), 0)
            end = max(_half_up(scale * (onset + note.duration_ticks)), tick + 1)
            key = bytes((min(max(note.pitch, 0), 127),))
            velocity = min(max(note.velocity, 1), 127)
            events.append((tick, 1, bytes((0x90 | channel,)) + key + bytes((velocity,))))
            events.append((end, 0, bytes((0x80 | channel,)) + key + b"\x40"))
    head = [(0, smf.meta(smf.META_TRACK_NAME, track.name.encode()))] if track.name else []
    head.append((0, bytes((0xC0 | channel, min(max(track.program, 0), 127)))))
    return head + [(tick, event) for tick, _, event in sorted(events, key=lambda event: event[:2])]
