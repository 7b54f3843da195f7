"""A song bar by bar: keys, tempos, meters, and no note beyond a seam."""

import pytest

from companion.errors import UsageError
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.session.settings import PracticeSettings, Song
from companion.session.song_player import SongPlayer

THREE = TimeSignature(3, 4)


def song(bar_count=4, duration=480, meters=None, **fields):
    meters = meters or [TimeSignature()] * bar_count
    bars = tuple(Bar((Note(960, duration, 60 + index),), meter) for index, meter in enumerate(meters))
    return Song(Score((Track(bars), Track(bars, is_drum=True))), "Test", **fields)


def test_notes_end_where_the_loop_closes():
    player = SongPlayer(song(duration=480 * 20), PracticeSettings(loop=(1, 3)))
    ends = [note.onset_ticks + note.duration_ticks for bar in range(4) for note in player.bar(0, bar).notes]
    assert ends == [2 * 1920, 1920, 2 * 1920, 1920]


def test_notes_run_on_over_bar_lines_inside_a_pass():
    player = SongPlayer(song(duration=2000))
    assert player.bar(0, 0).notes[0].duration_ticks == 2000
    assert player.bar(0, 3).notes[0].duration_ticks == 960
    assert player.bar(0, 4) == Bar((), TimeSignature())


def test_key_and_tempo_move_with_the_pass():
    player = SongPlayer(song(2), PracticeSettings(loop=(0, 2), transpose=1, key_step=2, trainer=(0.5, 1.0, 0.25)))
    assert player.tempo_marks(0) == ((0.0, 60.0),)
    assert player.bar(0, 0).notes[0].pitch == 61
    player.begin_pass(2)
    assert player.tempo_marks(2) == ((0.0, 90.0),)
    assert player.bar(0, 2).notes[0].pitch == 63
    assert player.bar(1, 2).notes[0].pitch == 60, "drums have no key"
    assert player.bar(0, 1).notes[0].pitch == 62, "the first pass stays as it was"


def test_tempo_changes_fall_on_their_beat_of_their_bar():
    changes = ((0.0, 100.0), (2.0, 110.0), (3.0, 120.0), (9.5, 60.0))
    player = SongPlayer(song(meters=[THREE] * 4, tempo_changes=changes), PracticeSettings(tempo_factor=0.5))
    assert [player.tempo_marks(bar) for bar in range(4)] == [
        ((0.0, 50.0), (2.0, 55.0)),
        ((0.0, 60.0),),
        ((0.0, 60.0),),
        ((0.0, 60.0), (0.5, 30.0)),
    ]


def test_meters_follow_the_song_bar():
    player = SongPlayer(song(meters=[THREE, TimeSignature()]), PracticeSettings(loop=(0, 2)))
    assert [str(player.meter(bar)) for bar in (-1, 0, 1, 2, 3)] == ["3/4", "3/4", "4/4", "3/4", "4/4"]


def test_what_the_player_chooses_holds_from_this_pass_on():
    player = SongPlayer(song(), PracticeSettings(loop=(0, 4)))
    player.set_tempo_factor(0.8, 5)
    player.set_transpose(-3, 5)
    assert player.tempo_marks(0) == ((0.0, 120.0),)
    assert player.tempo_marks(5) == ((0.0, 96.0),)
    assert player.begin_pass(3).transpose == -3
    with pytest.raises(UsageError, match="tempo 1000%"):
        player.set_tempo_factor(10, 5)
    with pytest.raises(UsageError, match="transposition by -99"):
        player.set_transpose(-99, 5)


def test_sections_to_go_to_and_to_loop():
    player = SongPlayer(song(8, sections=((0, "A"), (4, "B"))))
    assert player.next_section(1) == 4
    assert player.next_section(6) == 0
    assert player.section_loop(6) == (4, 8)
    assert SongPlayer(song(8)).section_loop(3) == (3, 4)
    assert SongPlayer(song(8)).next_section(3) is None


def test_past_and_future_of_the_song_are_there_for_context():
    player = SongPlayer(song())
    assert player.written(0, 3, 2).notes[0].pitch == 65
    assert player.written(0, 4).notes == player.written(0, -1).notes == ()


def test_a_song_without_bars_is_refused():
    with pytest.raises(UsageError, match="Nothing has no bars"):
        SongPlayer(Song(Score(()), "Nothing"))
