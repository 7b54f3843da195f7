"""A performance as a MIDI file: pedals, bends and programs where they were moved, tempos where they changed."""

from __future__ import annotations

import pytest

from companion.midi.file import read_song, to_bytes
from companion.midi.messages import ControlChange, NoteOff, NoteOn, PitchBend, ProgramChange
from companion.music import TimeSignature
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.demo import DemoOptions, demo_settings
from companion.runtime.recording.music.takes import takes_of
from companion.runtime.recording.music.tempo_points import bend_between, essential
from companion.runtime.recording.music.transcript import song_of
from companion.runtime.recording.recorder import Log, header
from companion.runtime.recording.records import EventReceived, Mark, MessageSent, MidiArrived
from companion.session.api.commands import command

FOUR = TimeSignature(4, 4)


def log_of(*records):
    return Log(header(Setup(demo_settings(DemoOptions())), 0.0), tuple(sorted(records, key=lambda r: _seconds(r))))


def _seconds(record):
    return record.due_seconds if isinstance(record, MessageSent) else record.seconds


def marks(position_at, bpm_at, until, step=0.1):
    """What a log says of a clock, ten times a second."""
    found = []
    for number in range(round(until / step)):
        seconds = 10 + number * step
        position = position_at(seconds)
        found.append(Mark(seconds, "running", bpm_at(seconds), int(position // 4), position % 4, position, FOUR))
    return found


def steady(until=8.0):
    return marks(lambda seconds: (seconds - 10) * 2, lambda seconds: 120.0, until)


def seconds_at(song, tick):
    """When a tick comes, by a song's tempo map."""
    total = 0.0
    for (start, tempo), (end, _) in zip(song.tempo_map, [*song.tempo_map[1:], (tick, 0)], strict=True):
        total += max(min(end, tick) - start, 0) * tempo / 480e6
    return total


def test_what_a_player_moves_is_in_the_file():
    log = log_of(
        *steady(),
        MidiArrived(10.0, "keys", NoteOn(0, 60, 80)),
        MidiArrived(10.25, "keys", ControlChange(0, 64, 127)),
        MidiArrived(10.5, "keys", NoteOff(0, 60)),
        MidiArrived(11.0, "keys", PitchBend(0, 4096)),
        MidiArrived(12.0, "keys", ControlChange(0, 64, 0)),
        MidiArrived(12.0, "other", ControlChange(5, 64, 127)),
    )
    song = read_song(to_bytes(song_of(log)))
    moves = [event for track in song.source.file.tracks for event in track.events if event[1][0] & 0xF0 in (0xB0, 0xE0)]
    assert [(tick, data[0] & 0xF0, *data[1:]) for tick, data in moves] == [
        (240, 0xB0, 64, 127),
        (960, 0xE0, 0, 96),
        (1920, 0xB0, 64, 0),
    ]


def test_all_notes_off_ends_a_note():
    log = log_of(
        *steady(),
        MidiArrived(10.0, "keys", NoteOn(0, 60, 80)),
        MidiArrived(10.5, "keys", ControlChange(0, 123, 0)),
        MidiArrived(13.0, "keys", NoteOff(0, 60)),
    )
    (note,) = song_of(log).score.tracks[0].bars[0].notes
    assert note.duration_ticks == pytest.approx(480, abs=2)


def test_what_was_sent_for_a_lane_is_in_the_file():
    """Its first program stands at the beginning of its track anyway; the click's lane has no track."""
    log = log_of(
        *steady(),
        MessageSent(10.0, "", ProgramChange(1, 32), 10.0, 1, None),
        MessageSent(10.0, "", NoteOn(1, 40, 80), 10.0, 1, 0.0),
        MessageSent(10.5, "", NoteOff(1, 40), 10.5, 1, None),
        MessageSent(11.0, "", ControlChange(1, 7, 40), 11.0, 1, 2.0),
        MessageSent(11.5, "", ProgramChange(1, 33), 11.5, 1, 3.0),
        MessageSent(11.5, "", ControlChange(9, 7, 40), 11.5, -1, None),
    )
    song = song_of(log)
    ((*moves,),) = song.controls
    programs = [data[1] for _, data in moves if data[0] & 0xF0 == 0xC0]
    assert programs[-1] == 33
    assert (960, b"\xb1\x07\x28") in moves
    assert not any(data[0] == 0xB9 for _, data in moves)


def test_a_tempo_that_changes_inside_a_bar_is_where_it_changed():
    """120 BPM up to beat 6, which comes after 3 seconds, then 60: each beat is where it was, to within two milliseconds."""

    def position_at(seconds):
        return (seconds - 10) * 2 if seconds <= 13.03 else 6.06 + (seconds - 13.03)

    log = log_of(
        *marks(position_at, lambda seconds: 120.0 if seconds <= 13.03 else 60.0, 12.0),
        MidiArrived(10.0, "keys", NoteOn(0, 60, 80)),
        MidiArrived(16.97, "keys", NoteOff(0, 60)),
    )
    song = song_of(log)
    assert list(dict.fromkeys(round(60e6 / tempo, 1) for _, tempo in song.tempo_map)) == [120.0, 60.0]
    assert seconds_at(song, 10 * 480) == pytest.approx(3.03 + 3.94, abs=0.002)
    (note,) = song.score.tracks[0].bars[0].notes
    assert note.duration_ticks == pytest.approx(10 * 480, abs=2)


def test_a_slowing_clock_is_followed():
    def position_at(seconds):
        return 2 * (seconds - 10) - 0.05 * (seconds - 10) ** 2

    log = log_of(*marks(position_at, lambda seconds: 60 * (2 - 0.1 * (seconds - 10)), 10.0))
    song = song_of(log)
    assert len(song.tempo_map) > 4
    for beat in range(1, 14):
        moment = next(s / 1000 for s in range(20_000) if position_at(10 + s / 1000) >= beat)
        assert seconds_at(song, beat * 480) == pytest.approx(moment, abs=0.003)


def test_even_time_needs_no_points_and_a_bend_is_found():
    assert essential([(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (4.0, 6.0)]) == [(0.0, 0.0), (2.0, 4.0), (4.0, 6.0)]
    assert bend_between((0.0, 0.0), 60, (2.0, 3.0), 120) == (1.0, 1.0)
    assert bend_between((0.0, 0.0), 60, (2.0, 2.0), 60) is None


def test_a_take_begins_with_the_pedal_as_it_is():
    log = log_of(
        *steady(),
        MidiArrived(10.5, "keys", ControlChange(0, 64, 127)),
        MidiArrived(10.6, "keys", ControlChange(0, 7, 90)),
        MidiArrived(10.7, "keys", ControlChange(0, 7, 80)),
        EventReceived(11.0, command("record", on=True)),
        MidiArrived(12.0, "keys", NoteOn(0, 60, 80)),
        MidiArrived(12.5, "keys", NoteOff(0, 60)),
    )
    (take,) = takes_of(log)
    ((pedal, volume),) = song_of(take).controls
    assert (pedal[1], volume[1]) == (b"\xb0\x40\x7f", b"\xb0\x07\x50")
    assert max(pedal[0], volume[0]) <= 960
