"""Checks what comes from another machine: every number points to something that exists and is one that MIDI has. Pure.

The types of all fields have been checked when the message was read (`companion.runtime.ipc.wire`).
"""

from __future__ import annotations

import math

from companion.music import Note, Track
from companion.music.units import RESOLUTION
from companion.session.api import limits
from companion.session.api.effects import Job
from companion.session.api.engine_events import LoadedSize

MAX_TRACKS, MAX_BARS, MAX_NOTES, MAX_SIZES = 64, 64, 20_000, 64
MAX_TICKS = 64 * 64 * RESOLUTION


def job_fault(job: Job) -> str:
    """What is wrong with a job, in a few words; "" if nothing is."""
    window = job.window
    tracks, bars = len(window.tracks), window.bar_count
    if not 0 < tracks <= MAX_TRACKS or not 0 < bars <= MAX_BARS or window.resolution != RESOLUTION:
        return "its window cannot be read"
    if any(len(track.bars) != bars for track in window.tracks):
        return "its tracks differ in length"
    if sum(len(bar.notes) for track in window.tracks for bar in track.bars) > MAX_NOTES:
        return "its window holds too many notes"
    if not all(_is_track(track) for track in window.tracks):
        return "its window holds what MIDI has not"
    cells = (*job.targets, *job.hidden)
    if not job.targets or any(not (0 <= track < tracks and 0 <= bar < bars) for track, bar in cells):
        return "its targets lie outside the window"
    if len(set(job.targets)) != len(job.targets) or len(set(job.tracks)) != tracks or len(job.tracks) != tracks:
        return "its tracks do not fit the window"
    if len(job.attributes) not in (0, tracks) or any(not 0 <= track < tracks for track in job.chord_tracks):
        return "its controls do not fit the window"
    if limits.TAKES.fault(job.takes) or len(job.expected) not in (0, 12) or not _is_finite(job.expected):
        return "its numbers are out of range"
    if not math.isfinite(job.from_beat) or not 0 <= job.from_beat <= 64 or not set(job.forced) <= set(job.tracks):
        return "its given notes do not fit the window"
    return ""


def is_note(note: Note) -> bool:
    """Whether MIDI has such a note."""
    return (
        limits.KEY.fault(note.pitch) == ""
        and 0 <= note.velocity <= 127
        and 0 <= note.onset_ticks <= MAX_TICKS
        and 0 < note.duration_ticks <= MAX_TICKS
    )


def size_fault(size: LoadedSize) -> str:
    """What is wrong with what a host says about its model; "" if nothing is."""
    info = size.checkpoint
    if not 0 < len(info.num_bars_map) <= MAX_SIZES or any(not 0 < dim <= MAX_BARS for dim in info.num_bars_map):
        return "its windows are impossible"
    if not info.mask_modes or not 0 < info.n_positions <= 1_000_000 or not 0 <= info.parameters < 10**12:
        return "its model is impossible"
    if any(not math.isfinite(seconds) or seconds < 0 for _, seconds in size.warm_seconds):
        return "its times are impossible"
    return ""


def _is_track(track: Track) -> bool:
    """Whether every note and meter of a track is possible. Notes may begin before the bar line, as in files."""
    if limits.PROGRAM.fault(track.program):
        return False
    for bar in track.bars:
        meter = bar.time_signature
        if limits.METER_NUMERATOR.fault(meter.numerator) or limits.METER_DENOMINATOR.fault(meter.denominator):
            return False
        if any(limits.KEY.fault(note.pitch) or not 0 <= note.velocity <= 127 for note in bar.notes):
            return False
        if any(max(abs(note.onset_ticks), abs(note.duration_ticks)) > MAX_TICKS for note in bar.notes):
            return False
    return True


def _is_finite(values: tuple[float, ...]) -> bool:
    return all(math.isfinite(value) for value in values)
