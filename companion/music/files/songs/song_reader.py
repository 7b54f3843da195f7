"""Reads songs from the bytes of a MIDI file: makes parts, bars and notes from its events, and keeps the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, repeat

from companion.music.files.chunks import read_file
from companion.music.files.events import (
    CHANNEL_PREFIX,
    LYRIC,
    META,
    TEXT,
    FileTrack,
    MidiFile,
    is_channel_message,
)
from companion.music.files.faults import Faults
from companion.music.files.songs.bars import SNAP_SHARE, Grid, make_grid
from companion.music.files.songs.channels import ChannelSounds, Sound, channel_sounds
from companion.music.files.songs.marks import Marks, possible_meters, read_marks
from companion.music.files.songs.pairing import FileNote, Pedals, pair_notes
from companion.music.instruments import named_instrument
from companion.music.score import Bar, Note, Score, Track
from companion.music.song import DEFAULT_TEMPO, FileSong, SongSource, SourcePart

MAX_BARS = 50_000
MAX_CELLS = 2_000_000  # tracks × bars
LONGEST_SILENT_END = 8_000  # quarter notes between the last note and the End of Track
_FRACTIONAL_RATES = {29: Fraction(30_000, 1001)}  # SMPTE "29" means 30 drop frame


@dataclass(slots=True)
class _Part:
    """A part in the making: its track, channel and sound, and its notes with the end at which each falls silent."""

    track: int
    channel: int | None
    program: int
    is_drum: bool
    notes: list[FileNote] = field(default_factory=list)


def song_from_bytes(data: bytes, resolution: int = 480, *, as_midigpt: bool = False) -> FileSong:
    """Read a MIDI file's bytes; raises MidiFileError for what is no MIDI file, has no track or is too large.

    Every MTrk is split by channel and sound; all parts get the same bars. A named track without notes is a part too. The patterns
    of a format 2 file follow one another. SMPTE time is laid out at the file's first tempo.
    as_midigpt: read as midigpt does: each track has its own programs, only channel 10 is drums, the pedal lengthens nothing, bars
    end with the last note, and a note without note-off is no note.
    """
    faults = Faults()
    file = read_file(data, faults)
    offsets, tracks = _laid_out(file)
    marks = read_marks(file, tracks, offsets, faults)
    tempos = marks.tempos
    first_tempo = tempos[0][1] if tempos else DEFAULT_TEMPO
    per_quarter = _ticks_per_quarter(file.division, first_tempo)
    marks.meters = possible_meters(marks.meters, per_quarter, faults)
    parts = _parts(tracks, marks, per_quarter, as_midigpt)
    if not as_midigpt:
        parts = _with_pedal(parts, tracks)
        parts += _empty_parts(file, tracks, marks, parts)
        parts.sort(key=lambda part: part.track)
    end = _music_end(parts, tracks, per_quarter, faults, as_midigpt)
    most_bars = min(MAX_BARS, MAX_CELLS // max(len(parts), 1))
    grid, is_cut = make_grid(marks.meters, end, per_quarter, resolution, most_bars, exact=not as_midigpt)
    if is_cut:
        faults.add(f"the music behind bar {len(grid.meters)} is left out")
        for part in parts:
            part.notes = [note for note in part.notes if note.start < grid.end]
    places = [[_place(note, grid) for note in part.notes] for part in parts]
    rests = [rest for meter, run in groupby(grid.meters) for rest in repeat(Bar((), meter), len(list(run)))]
    score_tracks = tuple(
        _track(part, marks.names[part.track], found, rests) for part, found in zip(parts, places, strict=True)
    )
    if file.division & 0x8000 or not tempos or tempos[0][0] > 0:
        tempos = [(0, first_tempo), *([] if file.division & 0x8000 else tempos)]
    score = Score(score_tracks, resolution, first_tempo)
    return FileSong(
        score,
        tuple((grid.score_tick(tick), tempo) for tick, tempo in tempos),
        tuple((grid.score_tick(tick), text) for tick, text in marks.markers),
        tuple(grid.starts),
        0 if file.division & 0x8000 else file.division,
        source=SongSource(
            file, score, _source_parts(parts, places), tuple(grid.lines), grid.clock.units, per_quarter, offsets
        ),
        remarks=tuple(filter(None, (faults.remark(), *_remarks(file)))),
    )


def _source_parts(parts: Sequence[_Part], places: Sequence[Sequence[tuple[int, Note, bool]]]) -> tuple[SourcePart, ...]:
    return tuple(
        SourcePart(
            part.track,
            part.channel,
            tuple((bar, note.on, note.off) for note, (bar, *_) in zip(part.notes, found, strict=True)),
        )
        for part, found in zip(parts, places, strict=True)
    )


def _remarks(file: MidiFile) -> list[str]:
    remarks: list[str] = []
    if file.format == 2 and len(file.tracks) > 1:
        remarks.append("a file of type 2: its patterns are played one after the other")
    if file.division & 0x8000:
        remarks.append("SMPTE time: laid out in beats at the file's first tempo")
    return remarks


def _ticks_per_quarter(division: int, tempo: int) -> Fraction:
    if not division & 0x8000:
        return Fraction(division)
    frames, per_frame = 256 - (division >> 8), division & 0xFF
    return _FRACTIONAL_RATES.get(frames, Fraction(frames)) * per_frame * tempo / 1_000_000


def _laid_out(file: MidiFile) -> tuple[tuple[int, ...], list[FileTrack]]:
    """What each track's ticks are moved by, and the tracks so moved: only patterns of a format 2 file are."""
    if file.format != 2:
        return (0,) * len(file.tracks), list(file.tracks)
    offsets: list[int] = []
    tracks: list[FileTrack] = []
    offset = 0
    for track in file.tracks:
        offsets.append(offset)
        moved = tuple((tick + offset, data) for tick, data in track.events) if offset else track.events
        offset += track.end_tick
        tracks.append(FileTrack(moved, offset))
    return tuple(offsets), tracks


# -- parts ------------------------------------------------------------------------------------------------------------


def _parts(tracks: Sequence[FileTrack], marks: Marks, per_quarter: Fraction, as_midigpt: bool) -> list[_Part]:
    """Every track's notes by channel and sound, in order of these."""
    shared = channel_sounds(tracks)
    parts: list[_Part] = []
    for number, track in enumerate(tracks):
        sounds = channel_sounds([track], programs_only=True) if as_midigpt else shared
        sound_of = _sound_finder(sounds, 0 if as_midigpt else number)
        found: dict[tuple[int, int, bool], _Part] = {}

        def is_drum(channel: int, tick: int, index: int, find: Callable[[int, int, int], Sound] = sound_of) -> bool:
            return find(channel, tick, index).is_drum(channel)

        for note in pair_notes(track, max(int(per_quarter / 4), 1), is_drum, keep_unended=not as_midigpt):
            sound = sound_of(note.channel, note.start, note.on)
            key = (note.channel, sound.program, sound.is_drum(note.channel))
            if key not in found:
                found[key] = _Part(number, *key)
            found[key].notes.append(note)
        parts += [found[key] for key in sorted(found)]
    return parts


def _sound_finder(sounds: Sequence[ChannelSounds], track: int) -> Callable[[int, int, int], Sound]:
    def find(channel: int, tick: int, index: int) -> Sound:
        return sounds[channel].at(tick, track, index)

    return find


def _with_pedal(parts: list[_Part], tracks: Sequence[FileTrack]) -> list[_Part]:
    """Parts whose notes last while the pedal holds them; drums do as they are written."""
    pedals = Pedals(tracks)
    last = max((track.end_tick for track in tracks), default=0)
    for part in parts:
        if not part.is_drum:
            part.notes = [pedals.held(note, part.track, last) for note in part.notes]
    return parts


def _empty_parts(file: MidiFile, tracks: Sequence[FileTrack], marks: Marks, parts: Sequence[_Part]) -> list[_Part]:
    """Named tracks without notes, which somebody means to fill.

    Not those that hold only words (karaoke), nor the first track of a format 1 file, which holds tempo and title.
    """
    sounds = channel_sounds(tracks)
    filled = {part.track for part in parts}
    empty: list[_Part] = []
    for number, track in enumerate(tracks):
        if number in filled or not marks.names[number].strip():
            continue
        channel = _channel_of(track)
        has_words = any(data[0] == META and data[1] in (TEXT, LYRIC) for _, data in track.events)
        has_channel = any(is_channel_message(data) for _, data in track.events)
        if not has_channel and (has_words or (number == 0 and file.format == 1 and len(tracks) > 1)):
            continue
        if channel is None:
            empty.append(_Part(number, None, *named_instrument(marks.names[number])))
            continue
        sound = sounds[channel].at(0, number)
        is_drum = sound.is_drum(channel)
        own = [data[1] for _, data in track.events if data[0] & 0xF0 == 0xC0 and data[0] & 0x0F == channel]
        empty.append(_Part(number, channel, own[0] if own else sound.program, is_drum))
    return empty


def _channel_of(track: FileTrack) -> int | None:
    """The channel of a track's first channel message, or the one that a channel prefix names."""
    for _, data in track.events:
        if is_channel_message(data):
            return data[0] & 0x0F
        if data[0] == META and data[1] == CHANNEL_PREFIX and len(data) > 3 and data[3] < 16:
            return data[3]
    return None


def _music_end(
    parts: Sequence[_Part], tracks: Sequence[FileTrack], per_quarter: Fraction, faults: Faults, as_midigpt: bool
) -> int:
    """The file tick at which the last bar ends, or lies before its end."""
    notes = max((note.end for part in parts for note in part.notes), default=0)
    if as_midigpt:
        return notes
    last_start = max((note.start + 1 for part in parts for note in part.notes), default=0)
    end_of_track = max((track.end_tick for track in tracks), default=0)
    if end_of_track - notes > LONGEST_SILENT_END * per_quarter:
        faults.add("an End of Track far behind the last note is ignored")
        end_of_track = notes
    # Music that reaches only a few ticks into a bar does not make one.
    return max(last_start, max(notes, end_of_track) - int(per_quarter / SNAP_SHARE))


# -- notes ------------------------------------------------------------------------------------------------------------


def _track(part: _Part, name: str, places: Sequence[tuple[int, Note, bool]], rests: Sequence[Bar]) -> Track:
    """A part's bars, with rests where it has no notes."""
    rows: dict[int, list[Note]] = {}
    carried: dict[int, list[Note]] = {}
    for index, note, is_carried in places:
        (carried if is_carried else rows).setdefault(index, []).append(note)
    bars = list(rests)
    for index in {*rows, *carried}:
        bars[index] = Bar((*carried.get(index, ()), *rows.get(index, ())), bars[index].time_signature)
    return Track(tuple(bars), part.program, part.is_drum, name, part.channel)


def _place(note: FileNote, grid: Grid) -> tuple[int, Note, bool]:
    """(bar, note, whether it rounded onto this bar's line from the bar before)."""
    clock = grid.clock
    bar = grid.bar_at(note.start)
    distance = grid.from_line(bar, note.start)
    onset, moved = clock.score_ticks(distance), False
    if onset >= grid.lengths[bar]:
        if bar + 1 < len(grid.meters):
            bar, moved, onset = bar + 1, True, 0
            distance = grid.from_line(bar, note.start)
        else:
            onset = grid.lengths[bar] - 1
    delta = clock.residual(distance, onset)
    end_bar = grid.bar_at(note.end)
    end = grid.starts[end_bar] + clock.score_ticks(grid.from_line(end_bar, note.end))
    duration = max(1, end - grid.starts[bar] - onset)
    return bar, Note(onset, duration, note.pitch, note.velocity, delta), moved
