"""Makes the last bars by rule: a dominant that leads home, and a held last chord. Pure.

Ticks at 480 a quarter from the bar line.
"""

from __future__ import annotations

from collections.abc import Iterable

from companion.harmony.key import Key, spell_chord
from companion.harmony.symbols import ChordSymbol, parse_chord
from companion.harmony.voicing import voicing
from companion.music import Note, TimeSignature
from companion.music.units import RESOLUTION
from companion.session.lanes import Lane
from companion.session.leading.fills import CRASH, KICK, Notes, fill

BASS_PROGRAMS = range(32, 40)
LOWEST_BASS = 28  # E1, a bass guitar's lowest string
LAST_CHORD_VELOCITY = 96


def tonic_chord(key: Key) -> ChordSymbol:
    """Return the chord on which the music ends."""
    return parse_chord(spell_chord(key.tonic, "m" if key.minor else "", key))


def dominant_chord(key: Key) -> ChordSymbol:
    """Return the dominant seventh chord that leads to the last chord."""
    return parse_chord(spell_chord((key.tonic + 7) % 12, "7", key))


def last_bar(lane: Lane, meter: TimeSignature, key: Key) -> Notes:
    """Return one chord or note for the whole bar. Pads strike it softly, and drums add a crash."""
    length = meter.bar_ticks(RESOLUTION)
    if lane.is_drum:
        return Note(0, 100, KICK, 110), Note(0, length, CRASH, 110)
    return _struck(lane, tonic_chord(key), 0, length)


def cadence_bar(lane: Lane, meter: TimeSignature, key: Key, played: Iterable[Note]) -> Notes:
    """Return the bar with its first half as planned, then the dominant. The drums play a fill."""
    length = meter.bar_ticks(RESOLUTION)
    turn = length // 2
    before = tuple(_ended(note, turn) for note in played if note.onset_ticks < turn)
    if lane.is_drum:
        return (*before, *fill(meter, turn - turn % (RESOLUTION // 4)))
    return (*before, *_struck(lane, dominant_chord(key), turn, length - turn))


def _struck(lane: Lane, chord: ChordSymbol, onset: int, length: int) -> Notes:
    if lane.program in BASS_PROGRAMS:
        pitches: tuple[int, ...] = (LOWEST_BASS + (chord.bass - LOWEST_BASS) % 12,)
    else:
        pitches = voicing(chord)
    return tuple(Note(onset, length, pitch, LAST_CHORD_VELOCITY) for pitch in pitches)


def _ended(note: Note, end: int) -> Note:
    """Cut the notes where the dominant begins, so that nothing of the old chord rings into it."""
    return Note(note.onset_ticks, max(1, min(note.duration_ticks, end - note.onset_ticks)), note.pitch, note.velocity)
