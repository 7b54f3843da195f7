"""Practising in simulated time: backing, loops, passes, keys and what the model is shown; the player's part is in test_judging."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from companion.errors import UsageError
from companion.midi.messages import NoteOff, NoteOn
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.session.api.effects import Notice, PassFinished
from companion.session.api.events import command
from companion.session.api.settings import ClockSettings, PracticeSettings, SessionSettings, Song, TrackSettings
from tests.session.session_stage import READY, Stage, wish

MELODY, BASS, DRUMS = 1, 2, 3  # lanes; lane 0 is the player, the rest the song's tracks in order


def song(bar_count=8, meters=None, tempos=((0.0, 120.0),), sections=(), duration=240):
    """Eighth notes in the melody, a long root in the bass, a drum on every beat; pitches tell bar and place."""
    meters = meters or [TimeSignature()] * bar_count
    melody, bass, drums = [], [], []
    for index, meter in enumerate(meters):
        eighths = int(meter.beats * 2)
        melody.append(Bar(tuple(Note(240 * at, duration, 60 + (index + at) % 12) for at in range(eighths)), meter))
        bass.append(Bar((Note(0, 480 * 9, 36 + index % 12),), meter))
        drums.append(Bar(tuple(Note(480 * beat, 60, 36) for beat in range(int(meter.beats))), meter))
    tracks = Track(tuple(melody), 73), Track(tuple(bass), 33), Track(tuple(drums), is_drum=True)
    return Song(Score(tracks), "Tune", tempos, sections)


def settings(
    music=None, roles=("backing", "backing", "backing"), me=None, source="internal", count_in=0, fills=(), **practice
):
    names = zip(("melody", "bass", "drums"), roles, strict=True)
    tracks = [
        TrackSettings(name, role, is_drum=name == "drums", channel=9 if name == "drums" else index, song_track=index)
        for index, (name, role) in enumerate(names)
    ]
    added = [TrackSettings(name, "companion", 48, channel=5 + index) for index, name in enumerate(fills)]
    return SessionSettings(
        (TrackSettings("me", "human", song_track=me), *tracks, *added),
        ClockSettings(source, count_in_bars=count_in),
        song=music or song(),
        practice=PracticeSettings(**practice),
    )


def performing(setup, until, **options):
    stage = Stage(setup, **options)
    stage.at(0, READY)
    if setup.clock.source == "internal":
        stage.at(1.0, command("start"))
    stage.run(until)
    return stage


def heard(stage, lane):
    """(seconds, key) of a lane's notes."""
    return [(time, effect.message.key) for time, effect in stage.sent(NoteOn, lane)]


def seconds_of(position, tempos, factor):
    """When a position of the song is due, from its beginning."""
    total = 0.0
    for (start, bpm), (end, _) in pairwise([*tempos, (float("inf"), 0.0)]):
        total += max(0.0, min(position, end) - start) * 60 / (bpm * factor)
    return total


# -- position and tempo -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.37])
@pytest.mark.parametrize("count_in", [0, 1])
def test_the_backing_is_where_the_file_has_it_whatever_the_tempo(factor, count_in):
    rng = random.Random(3)
    tempos = ((0.0, 117.0), *((at + rng.random(), rng.uniform(60, 200)) for at in range(1, 26)))
    meters = [TimeSignature(4, 4), TimeSignature(3, 4), TimeSignature(7, 8), TimeSignature(4, 4)] * 2
    music = song(meters=meters, tempos=tempos)
    stage = performing(settings(music, tempo_factor=factor, count_in=count_in), 80)
    begin = 1.0 + count_in * 4 * 60 / (117 * factor)
    expected, line = [], 0.0
    for bar in music.score.tracks[0].bars:
        expected += [begin + seconds_of(line + note.onset_ticks / 480, tempos, factor) for note in bar.notes]
        line += float(bar.time_signature.beats)
    times = [time for time, _ in heard(stage, MELODY)]
    assert len(times) == len(expected)
    assert max(abs(a - b) for a, b in zip(times, expected, strict=True)) <= 1e-6
    assert stage.late_seconds <= 1e-6


def test_a_late_wake_up_does_not_add_up():
    tempos = tuple((0.5 * at, 90.0 + 60 * (at % 2)) for at in range(64))
    setup = settings(song(8, tempos=tempos))
    stage = Stage(setup)
    stage.session.receive(command("start"), 101.0)
    now, times = 101.0, []
    while (timer := stage.session.next_timer()) is not None and now < 120:
        now = max(now, timer) + 0.004  # every timer comes 4 ms late
        stage.session.handle_timer(now)
        stage.now = now
        stage.drain()
    times = [time - 1.0 for time, _ in heard(stage, MELODY)]
    expected = [seconds_of(0.5 * index, tempos, 1.0) for index in range(len(times))]
    assert len(times) == 64
    assert max(abs(a - b) for a, b in zip(times, expected, strict=True)) <= 1e-6


def test_with_an_external_clock_the_song_follows_it():
    stage = Stage(settings(source="external"))
    end = stage.clock(1.0, 96 * 4, bpm=90)
    stage.clock(end, 96 * 4, bpm=150, start=False)
    stage.run(30)
    times = [time for time, _ in heard(stage, MELODY)]
    expected = [1 + n * 30 / 90 if n <= 32 else end + (n - 32) * 30 / 150 for n in range(64)]
    assert max(abs(a - b) for a, b in zip(times, expected, strict=True)) <= 1e-3


def test_a_song_without_a_loop_ends_by_itself():
    stage = performing(settings(), 30)
    assert not stage.session.running
    assert len(heard(stage, MELODY)) == 64
    assert stage.hanging == 0


# -- loops --------------------------------------------------------------------------------------------------------------


def test_a_loop_begins_with_its_first_bar_and_leaves_nothing_hanging():
    stage = performing(settings(loop=(2, 4)), 1 + 5 * 2 * 2 - 0.1)
    first_keys = [key for _, key in heard(stage, MELODY)][::8]
    assert first_keys == [62, 63] * 5
    assert [key for _, key in heard(stage, BASS)] == [36, 37, 38, 39] * 5, "with what sounds on from bars 1 and 2"
    assert (stage.double_ons, stage.stray_offs) == (0, 0)
    offs = [time for time, effect in stage.sent(NoteOff, BASS) if effect.message.key == 38]
    assert offs[:2] == pytest.approx([5.0, 9.0]), "a note of nine beats ends where the loop closes"
    stage.close()
    assert stage.hanging == 0


def test_a_count_in_before_a_loop_lasts_as_long_as_it_should():
    stage = performing(settings(loop=(2, 4), count_in=2), 12)
    assert heard(stage, MELODY)[0] == (pytest.approx(5.0), 62)
    assert len([time for time, _ in heard(stage, -1) if time < 5.0]) == 8, "the clicks"


def test_the_first_note_of_a_pass_is_struck_once():
    stage = performing(settings(loop=(0, 1), music=song(duration=480 * 6)), 9)
    onsets = [round(time, 6) for time, _ in heard(stage, MELODY)]
    assert len(onsets) == len(set(onsets)) == 33
    assert stage.double_ons == 0


def test_loop_here_takes_the_section_and_lets_it_go():
    stage = Stage(settings(song(sections=((0, "A"), (2, "B"), (6, "C")))))
    stage.at(1.0, command("start"))
    stage.at(1.0 + 2 * 2.5, command("loop_here"))
    stage.at(1.0 + 2 * 11, command("loop_here"))
    stage.run(60)
    bars = [key - 60 for _, key in heard(stage, MELODY)][::8]
    assert bars == [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7]


def test_next_section_comes_after_this_bar():
    stage = Stage(settings(song(sections=((0, "A"), (4, "B")))))
    stage.at(1.0, command("start"))
    stage.at(1.0 + 2 * 1.5, command("next_section"))
    stage.run(60)
    assert [key - 60 for _, key in heard(stage, MELODY)][::8] == [0, 1, 4, 5, 6, 7]


def test_an_external_start_begins_with_the_loop():
    stage = Stage(settings(source="external", loop=(4, 6)))
    stage.clock(1.0, 96 * 5)
    stage.run(10.9)
    assert [key - 60 for _, key in heard(stage, MELODY)][::8] == [4, 5, 4, 5, 4]


IMPOSSIBLE = [
    wish("set_loop", start=3, end=99),
    wish("set_loop", start="x", end=2),
    wish("transpose", semitones=90),
    wish("set_tempo_factor", factor=99),
    wish("set_role", track=77, role="human"),
    wish("next_section"),
]


@pytest.mark.parametrize("asked", IMPOSSIBLE, ids=str)
def test_impossible_wishes_become_a_notice(asked):
    stage = Stage(settings())
    stage.at(1.0, command("start"))
    stage.at(2.0, asked)
    stage.run(6)
    assert [effect.level for _, effect in stage.log if isinstance(effect, Notice)] == ["warning"]
    assert stage.session.running


def test_what_cannot_be_practised_is_refused_at_once():
    for practice in ({"loop": (4, 99)}, {"transpose": 90}, {"tempo_factor": 0.0}):
        with pytest.raises(UsageError):
            Stage(settings(**practice))


# -- from pass to pass --------------------------------------------------------------------------------------------------


def test_the_tempo_rises_at_the_seam():
    stage = performing(settings(loop=(0, 1), trainer=(0.5, 1.0, 0.25)), 30)
    firsts = [time for time, _ in heard(stage, MELODY)][::8]
    lengths = [after - before for before, after in pairwise(firsts[:6])]
    assert lengths == pytest.approx([4.0, 2 / 0.75, 2.0, 2.0, 2.0], abs=1e-6)


def test_the_key_moves_at_the_seam_and_drums_stay():
    stage = performing(settings(loop=(0, 1), key_step=3), 12.9)
    assert [key for _, key in heard(stage, MELODY)][::8] == [60, 63, 66, 57, 60, 63]
    assert {key for _, key in heard(stage, DRUMS)} == {36}
    assert stage.session.snapshot(stage.now).practice.transpose == 3


def test_tempo_and_key_chosen_on_the_way():
    stage = Stage(settings())
    stage.at(1.0, command("start"))
    stage.at(3.0, command("set_tempo_factor", factor=0.5))
    stage.at(3.2, command("transpose", semitones=-2))
    stage.run(12)
    times, keys = zip(*heard(stage, MELODY), strict=True)
    assert times[9] - times[8] == pytest.approx(0.5)
    assert keys[16] == 60
    view = stage.session.snapshot(stage.now).practice
    assert (view.tempo_factor, view.transpose, view.song_bar) == (0.5, -2, 3)


def test_a_tempo_set_by_hand_holds_for_the_passes_to_come():
    stage = Stage(settings(loop=(0, 1)))
    stage.at(1.0, command("start"))
    stage.at(1.5, command("set_tempo", bpm=60))
    stage.run(12)
    firsts = [time for time, _ in heard(stage, MELODY)][::8]
    assert firsts[2] - firsts[1] == pytest.approx(4.0)
    assert stage.session.snapshot(stage.now).practice.tempo_factor == 0.5


def test_passes_are_reported_even_without_a_part_to_judge():
    stage = performing(settings(loop=(1, 3)), 1 + 4 * 2 + 2.5)
    assert [effect for _, effect in stage.log if isinstance(effect, PassFinished)] == [
        PassFinished(1, 1.0, 0, (1, 3)),
        PassFinished(2, 1.0, 0, (1, 3)),
    ]


# -- what the model is shown --------------------------------------------------------------------------------------------


def jobs(stage):
    return [effect.job for _, effect in stage.jobs()]


def row(job, lane):
    return [tuple(note.pitch for note in bar.notes) for bar in job.window.tracks[job.tracks.index(lane)].bars]


def test_fills_see_the_written_past_and_future():
    stage = performing(settings(loop=(2, 8), fills=("pad",)), 1 + 2 * 8)
    first = jobs(stage)[0]
    assert (first.first_bar, first.targets) == (-2, ((3, 2),))
    assert [pitches[0] for pitches in row(first, MELODY)] == [60, 61, 62, 63], "also from before the loop"
    job = next(job for job in jobs(stage) if job.window.bar_count == 8 and job.first_bar == 0)
    assert job.targets == ((3, 5),)
    assert [pitches[0] - 60 for pitches in row(job, MELODY)] == [2, 3, 4, 5, 6, 7, 2, 3], "round the loop"
    mine, fill = job.tracks.index(0), job.tracks.index(4)
    assert job.hidden == ((fill, 6), (fill, 7), (mine, 5), (mine, 6), (mine, 7)), "only what nobody knows"


def test_my_written_part_is_shown_once_and_what_i_play_takes_its_place():
    stage = Stage(settings(roles=("silent", "backing", "backing"), me=0, fills=("pad",)))
    stage.at(0, READY)
    stage.at(1.0, command("start"))
    stage.play(5.0, 99, 0.4)  # in the third bar
    stage.run(12)
    job = [job for job in jobs(stage) if job.first_bar + job.targets[0][1] == 3][-1]
    assert MELODY not in job.tracks
    at = 2 - job.first_bar
    assert row(job, 0)[at] == (99,)
    assert [pitches[:1] for pitches in row(job, 0)[at + 1 :]] == [(63,), (64,)][: len(row(job, 0)) - at - 1]
    assert job.tracks.index(0) not in {track for track, _ in job.hidden}


def test_a_replaced_part_is_not_shown():
    stage = performing(settings(roles=("backing", "companion", "backing")), 9)
    assert all(pitch != 36 for pitches in row(jobs(stage)[0], BASS) for pitch in pitches)


def test_fills_are_new_on_every_pass_or_kept():
    stage = Stage(settings(loop=(0, 2), fills=("pad",)))
    stage.at(0, READY)
    stage.at(1.0, command("start"))
    stage.at(5.5, command("keep", on=True))
    stage.at(1 + 4 * 4 + 1, command("keep", on=False))
    stage.run(1 + 4 * 6 + 1)
    passes = [[key for time, key in heard(stage, 4) if 0.9 <= time - 4 * number < 4.9] for number in range(6)]
    assert all(len(keys) == 8 for keys in passes[1:])
    assert passes[1] == passes[2] == passes[3]
    assert passes[0] != passes[1]
    assert passes[5] != passes[3]
