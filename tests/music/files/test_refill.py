"""Filling bars of a file: only their notes are replaced, every other event of the file stays as and where it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from companion.music import Bar, Note
from companion.music.files.chunks import build
from companion.music.files.events import TRACK_NAME, meta
from companion.music.files.songs.song_reader import song_from_bytes
from companion.music.files.songs.song_writer import song_to_bytes
from tests import golden

CASES = Path(__file__).resolve().parents[2] / "data" / "cases"
FILES = sorted([*CASES.glob("*.mid"), *(golden.COMPACT / "midi").glob("*.mid")])


def filled(song, track, bar, *notes):
    """The song with other notes in one bar, written and read again."""
    meter = song.score.tracks[track].bars[bar].time_signature
    score = song.score.with_track(track, song.score.tracks[track].with_bar(bar, Bar(notes, meter)))
    return song_from_bytes(song_to_bytes(replace(song, score=score)))


def events(song):
    return [Counter(track.events) for track in song.source.file.tracks]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_the_notes_of_the_filled_bar_change(path):
    song = song_from_bytes(path.read_bytes())
    for track, part in enumerate(song.source.parts):
        bar = len(song.score.tracks[track].bars) // 2
        own = {index for at, on, off in part.notes if at == bar for index in (on, off) if index >= 0}
        emptied = filled(song, track, bar)
        for number, (before, after) in enumerate(zip(song.source.file.tracks, emptied.source.file.tracks, strict=True)):
            kept = [event for index, event in enumerate(before.events) if number != part.track or index not in own]
            assert list(after.events) == kept
        again = filled(song, track, bar, Note(0, 120, 1, 80), Note(240, 120, 2, 90))
        for before, after in zip(events(emptied), events(again), strict=True):
            assert not before - after


def program(tick, number, channel=0):
    return tick, bytes((0xC0 | channel, number))


def note(start, end, pitch=60, channel=0):
    return [(start, bytes((0x90 | channel, pitch, 80))), (end, bytes((0x80 | channel, pitch, 64)))]


def test_a_program_set_for_another_bar_is_not_heard_by_the_new_notes():
    """Piano, then organ on the same channel: piano filled into the organ's bar goes to a free channel, with its volume."""
    volume = (0, bytes((0xB0, 7, 50)))
    song = song_from_bytes(
        build(480, [[volume, program(0, 0), *note(0, 480), program(1920, 18), *note(1920, 2400), *note(3840, 4320)]])
    )
    again = filled(song, 0, 1, Note(0, 480, 72, 90))
    assert [(track.channel, track.program) for track in again.score.tracks] == [(0, 0), (0, 18), (1, 0)]
    added = set(again.source.file.tracks[0].events) - set(song.source.file.tracks[0].events)
    assert added >= {(1920, b"\xb1\x07\x32"), (1920, b"\xc1\x00"), (1920, b"\x91\x48\x5a")}


def test_a_named_part_without_channel_gets_one_that_is_free():
    named = [(0, meta(TRACK_NAME, b"Pad"))]
    song = song_from_bytes(build(480, [[], [*note(0, 480), *note(1900, 1920, 62, 1)], named]))
    again = filled(song, 2, 0, Note(480, 480, 72, 90))
    assert [(track.name, track.channel) for track in again.score.tracks] == [("", 0), ("", 1), ("Pad", 2)]


def test_a_new_note_does_not_cut_one_that_stays():
    song = song_from_bytes(build(480, [sorted([*note(0, 2400), *note(1920, 2160, 64), *note(3840, 4320)])]))
    again = filled(song, 0, 1, Note(0, 240, 60, 90), Note(960, 2000, 60, 91))
    lengths = [(n.pitch, n.velocity, n.duration_ticks) for bar in again.score.tracks[0].bars for n in bar.notes]
    assert lengths == [(60, 80, 2400), (60, 90, 480), (60, 91, 960), (60, 80, 480)]


def test_a_score_of_another_shape_is_written_anew():
    song = song_from_bytes(build(480, [note(0, 480)]))
    shorter = replace(song, score=song.score.select_tracks([]))
    assert song_from_bytes(song_to_bytes(shorter)).score.tracks == ()
