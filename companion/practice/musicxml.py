"""MusicXML (.musicxml, .xml, .mxl) as a song to practise with: parts, chords, repeats played out. Read by music21.

music21 is an optional extra and large, so it is imported only when such a file is opened.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from companion.charts.chart import Chart, ChartBar, ChartChord
from companion.errors import ChartError, UsageError
from companion.harmony.naming import name_chord
from companion.harmony.symbols import parse_chord
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.music.units import RESOLUTION, bpm_to_tempo
from companion.practice.chart_song import chart_to_song
from companion.session.api.settings import Song

SUFFIXES = (".musicxml", ".xml", ".mxl")
MAX_BYTES = 32 * 1024 * 1024  # unpacked
DEFAULT_BPM = 120.0
_LARGEST_DENOMINATOR = 64

_KINDS = {
    "major": "", "minor": "m", "augmented": "+", "diminished": "dim", "dominant-seventh": "7", "major-seventh": "maj7",
    "minor-seventh": "m7", "diminished-seventh": "dim7", "augmented-seventh": "+7", "half-diminished-seventh": "m7b5",
    "minor-major-seventh": "mMaj7", "augmented-major-seventh": "+M7", "seventh-flat-five": "7b5", "major-sixth": "6",
    "minor-sixth": "m6", "dominant-ninth": "9", "major-ninth": "maj9", "minor-ninth": "m9", "dominant-11th": "11",
    "major-11th": "maj11", "minor-11th": "m11", "dominant-13th": "13", "major-13th": "maj13", "minor-13th": "m13",
    "suspended-second": "sus2", "suspended-fourth": "sus4", "suspended-fourth-seventh": "7sus4", "power": "5",
}  # fmt: skip


def read_musicxml(path: Path) -> Song:
    """The song in the file, with its repeats played out. Raises UsageError without music21, ChartError for a bad file."""
    try:
        import music21
    except ImportError:
        raise UsageError("MusicXML needs music21: install companion with its extra musicxml") from None
    _check_size(path)
    try:
        score: Any = music21.converter.parse(path, format="musicxml")
        parts = [_played_out(part.stripTies()) for part in score.parts]
        return with_comping(_song(score, parts, path.stem))
    except (ChartError, UsageError):
        raise
    except Exception as error:  # whatever music21 rejects is a fault of the file and is reported in one line
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ChartError(f"{path}: cannot be read as MusicXML ({reason})") from None


def with_comping(song: Song) -> Song:
    """The song as it is. A lead sheet with only chords becomes a chart with comping as its only part. ChartError with neither."""
    if any(bar.notes for track in song.score.tracks for bar in track.bars):
        return song
    if not song.chords:
        raise ChartError(f"{song.title}: has neither notes nor chords")
    marks: dict[int, list[ChartChord]] = {}
    for bar, beat, symbol in song.chords:
        chord = None if symbol == "N.C." else parse_chord(symbol)
        marks.setdefault(bar, []).append(ChartChord(Fraction(beat).limit_denominator(24), symbol, chord))
    names = dict(song.sections)
    bars = tuple(
        ChartBar(tuple(marks.get(index, ())), bar.time_signature, index + 1, 0, names.get(index, ""))
        for index, bar in enumerate(song.score.tracks[0].bars)
    )
    return chart_to_song(Chart(bars, song.title, tempo=song.tempo_changes[0][1]))


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise ChartError(f"{path}: cannot be read: {error}") from None
    if size > MAX_BYTES:
        raise ChartError(f"{path}: too large for a score (limit {MAX_BYTES // 2**20} MiB)")


def _played_out(part: Any) -> Any:
    """The part with repeats, endings, D.C. and D.S. written out; unchanged where they cannot be followed."""
    from music21.repeat import ExpanderException

    try:
        return part.expandRepeats()
    except ExpanderException:
        return part


def _song(score: Any, parts: list[Any], name: str) -> Song:
    measures = [list(part.getElementsByClass("Measure")) for part in parts]
    if not measures or not any(measures):
        raise ChartError(f"{name}: no bars in the score")
    meters = _meters(max(measures, key=len))
    tracks = tuple(_track(part, row, meters) for part, row in zip(parts, measures, strict=True))
    tempos = _tempos(measures[0], meters)
    title = (score.metadata.bestTitle if score.metadata else None) or name
    chords = next((found for row in measures if (found := tuple(_chords(row)))), ())
    return Song(
        Score(tracks, RESOLUTION, bpm_to_tempo(tempos[0][1])),
        str(title),
        tempos,
        tuple(_sections(measures[0])),
        chords,
    )


def _meters(measures: list[Any]) -> list[TimeSignature]:
    """The meter of every bar; of a pickup and of bars cut short, one that has just their length."""
    meters: list[TimeSignature] = []
    current = TimeSignature(4, 4)
    for measure in measures:
        if measure.timeSignature is not None:
            current = TimeSignature(measure.timeSignature.numerator, measure.timeSignature.denominator)
        length = current.beats - Fraction(measure.paddingLeft) - Fraction(measure.paddingRight)
        whole = length / 4
        denominator = max(whole.denominator, current.denominator)
        short = 0 < length < current.beats and denominator <= _LARGEST_DENOMINATOR
        meters.append(TimeSignature(int(whole * denominator), denominator) if short else current)
    return meters


def _track(part: Any, measures: list[Any], meters: list[TimeSignature]) -> Track:
    instrument = part.getInstrument(returnDefault=True)
    is_drum = "Percussion" in {kind.__name__ for kind in type(instrument).__mro__} and instrument.midiChannel == 9
    bars = [Bar(tuple(_notes(measure)), meter) for measure, meter in zip(measures, meters, strict=False)]
    bars += [Bar((), meter) for meter in meters[len(bars) :]]
    return Track(
        tuple(bars), instrument.midiProgram or 0, is_drum, str(part.partName or instrument.instrumentName or "")
    )


def _notes(measure: Any) -> Iterator[Note]:
    """The notes of a bar, in order; ties within the part have been joined before."""
    found: list[Note] = []
    for element in measure.recurse().notes:
        if "ChordSymbol" in element.classes or element.duration.isGrace:
            continue
        onset = round(float(element.getOffsetInHierarchy(measure)) * RESOLUTION)
        duration = max(1, round(float(element.duration.quarterLength) * RESOLUTION))
        velocity = min(127, max(1, round(127 * element.volume.getRealized())))
        pitches = getattr(element, "pitches", ())
        found.extend(Note(onset, duration, int(pitch.midi), velocity) for pitch in pitches)
    yield from sorted(found, key=lambda note: (note.onset_ticks, note.pitch))


def _tempos(measures: list[Any], meters: list[TimeSignature]) -> tuple[tuple[float, float], ...]:
    marks: dict[float, float] = {}
    position = 0.0
    for measure, meter in zip(measures, meters, strict=False):
        for mark in measure.recurse().getElementsByClass("MetronomeMark"):
            if bpm := mark.getQuarterBPM():
                marks[position + float(mark.getOffsetInHierarchy(measure))] = float(bpm)
        position += float(meter.beats)
    first = next(iter(marks.values()), DEFAULT_BPM)
    return tuple(sorted({0.0: first, **marks}.items()))


def _sections(measures: list[Any]) -> Iterator[tuple[int, str]]:
    for bar, measure in enumerate(measures):
        for mark in list(measure.recurse().getElementsByClass("RehearsalMark"))[:1]:
            yield bar, str(mark.content)[:40]


def _chords(measures: list[Any]) -> Iterator[tuple[int, float, str]]:
    for bar, measure in enumerate(measures):
        for symbol in measure.recurse().getElementsByClass("ChordSymbol"):
            yield bar, float(symbol.getOffsetInHierarchy(measure)), chord_text(symbol)


def chord_text(symbol: Any) -> str:
    """A music21 chord symbol in our spelling. If we cannot read its words, the chord that its notes form."""
    if "NoChord" in symbol.classes:
        return "N.C."
    root = symbol.root().name.replace("-", "b")
    bass = symbol.bass().name.replace("-", "b")
    if symbol.chordKind in _KINDS:
        text = root + _KINDS[symbol.chordKind] + "".join(map(_step, symbol.chordStepModifications))
        text += f"/{bass}" if bass != root else ""
        try:
            return parse_chord(text).text
        except ValueError:
            pass
    named = name_chord([int(pitch.midi) for pitch in symbol.pitches])
    return named.text if named else "N.C."


def _step(step: Any) -> str:
    """One added, altered or left-out degree: add9, b9, no3."""
    if step.modType == "subtract":
        return f"no{step.degree}"
    semitones = round(step.interval.semitones) if step.interval is not None else 0
    sign = {-1: "b", 0: "", 1: "#"}.get(semitones, "?")
    return f"({sign}{step.degree})" if sign else f"(add{step.degree})"
