"""Varies windows: other kits, octaves and instruments, and a bar that is heard only in part.

The human drum tracks come from few drummers, and a part written for one instrument also suits a similar one. All randomness
comes from the generator passed in.
"""

from __future__ import annotations

from dataclasses import replace

from numpy.random import Generator

from companion.music import Bar, Note, Score, Track
from companion.training.config import SampleSettings
from companion.training.examples.tasks import Task
from companion.training.music.corpus import RESOLUTION

BASSES = range(32, 40)  # General MIDI programs; a bass part keeps its register
LOWEST, HIGHEST = 24, 100  # the pitch range of a part moved by an octave
FAMILY = 8  # General MIDI programs come in families of eight
_VOICES = ((35, 36), (38, 40), (49, 57, 52, 55), (51, 59, 53))  # kick, snare, crash, ride
_TOMS = (41, 43, 45, 47, 48, 50)
_CLOSED_HAT, _PEDAL_HAT, _OPEN_HAT, _RIDE, _RIDE_BELL, _SIDE_STICK = 42, 44, 46, 51, 53, 37
_CRASHES = frozenset({49, 57, 52, 55})


def vary(rng: Generator, window: Score, settings: SampleSettings) -> Score:
    """The window on other kits, in other octaves and on other instruments; each track changes with the settings' probabilities."""
    return replace(window, tracks=tuple(_varied(rng, track, settings) for track in window.tracks))


def _varied(rng: Generator, track: Track, settings: SampleSettings) -> Track:
    if track.is_drum:
        return other_kit(rng, track) if rng.random() < settings.other_kit else track
    if rng.random() < settings.other_program:
        track = replace(track, program=track.program // FAMILY * FAMILY + int(rng.integers(FAMILY)))
    if track.program not in BASSES and rng.random() < settings.other_octave:
        track = _moved(track, 12 if rng.random() < 0.5 else -12)
    return track


def _moved(track: Track, semitones: int) -> Track:
    pitches = [note.pitch + semitones for bar in track.bars for note in bar.notes]
    if not pitches or min(pitches) < LOWEST or max(pitches) > HIGHEST:
        return track
    return _with_pitches(track, lambda pitch: pitch + semitones)


def other_kit(rng: Generator, track: Track) -> Track:
    """The same playing on another kit: one voice replaces another throughout, and sometimes a family is missing."""
    voices: dict[int, int] = {}
    for family in _VOICES:
        if rng.random() < 0.5:
            voices.update(zip(family, rng.permutation(family).tolist(), strict=True))
    if rng.random() < 0.12:
        voices[38] = voices[40] = _SIDE_STICK
    if rng.random() < 0.15:
        voices.update({_CLOSED_HAT: _RIDE, _PEDAL_HAT: _RIDE, _OPEN_HAT: _RIDE_BELL})
    elif rng.random() < 0.2:
        voices[_PEDAL_HAT] = _CLOSED_HAT
    step = int(rng.integers(-1, 2))
    for place, tom in enumerate(_TOMS):
        voices[tom] = _TOMS[min(len(_TOMS) - 1, max(0, place + step))]
    missing: set[int] = set()
    for family, chance in ((_TOMS, 0.1), ((_OPEN_HAT, _PEDAL_HAT), 0.06), (_CRASHES, 0.05)):
        if rng.random() < chance:
            missing |= set(family)
    return _with_pitches(track, lambda pitch: None if pitch in missing else voices.get(pitch, pitch))


def _with_pitches(track: Track, new_pitch) -> Track:
    """Move every note to `new_pitch(its pitch)`; None drops it. Of two notes with the same start and pitch, the first is kept."""
    bars = []
    for bar in track.bars:
        notes: dict[tuple[int, int], Note] = {}
        for note in bar.notes:
            pitch = new_pitch(note.pitch)
            if pitch is not None:
                notes.setdefault((note.onset_ticks, pitch), replace(note, pitch=pitch))
        bars.append(replace(bar, notes=tuple(notes[key] for key in sorted(notes))))
    return replace(track, bars=tuple(bars))


def heard_up_to_a_beat(rng: Generator, window: Score, task: Task, guide: int | None) -> Score:
    """Let the others' first hidden bar be heard up to one of its beats. Notes that sound longer are cut there.

    The heard cells are removed from `task.hidden`. The window is unchanged if the bar has a single beat.
    """
    first = min(bar for _, bar in task.targets)
    own = {track for track, _ in task.targets}
    beats = int(window.tracks[0].bars[first].time_signature.beats)
    if beats < 2:
        return window
    until_ticks = RESOLUTION * int(rng.integers(1, beats))
    for index, track in enumerate(window.tracks):
        if index in own or index == guide or (index, first) not in task.hidden:
            continue
        task.hidden -= {(index, bar) for bar in range(first + 1)}
        window = window.with_track(index, track.with_bar(first, _cut(track.bars[first], until_ticks)))
    return window


def _cut(bar: Bar, until_ticks: int) -> Bar:
    return replace(
        bar,
        notes=tuple(
            replace(note, duration_ticks=min(note.duration_ticks, until_ticks - note.onset_ticks))
            for note in bar.notes
            if note.onset_ticks < until_ticks
        ),
    )
