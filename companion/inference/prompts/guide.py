"""The chord guide as a track of a window. It is the last track, and is empty in every bar except those to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from companion.harmony.guide import GUIDE_PROGRAM, GUIDE_RESOLUTION
from companion.music.score import Bar, Note, Score, Track
from companion.tokenizer import attributes as attribute_levels

GUIDE_NAME = "Chord guide"
NO_ATTRIBUTES: Mapping[str, int | None] = dict.fromkeys(attribute_levels.NAMES)  # a guide states no attributes


def with_guide(window: Score, guides: Mapping[int, Sequence[Note]]) -> Score:
    """The window with a chord guide as its last track.

    guides: window bar → its notes, at `GUIDE_RESOLUTION` ticks per quarter from the bar line; no notes for N.C.
    """
    meters = [bar.time_signature for bar in window.tracks[0].bars]
    bars = tuple(
        Bar(tuple(_at_resolution(note, window.resolution) for note in guides.get(number, ())), meter)
        for number, meter in enumerate(meters)
    )
    return replace(window, tracks=(*window.tracks, Track(bars, GUIDE_PROGRAM, False, GUIDE_NAME)))


def _at_resolution(note: Note, resolution: int) -> Note:
    if resolution == GUIDE_RESOLUTION:
        return note
    onset, length = (ticks * resolution // GUIDE_RESOLUTION for ticks in (note.onset_ticks, note.duration_ticks))
    return replace(note, onset_ticks=onset, duration_ticks=max(1, length))
