"""Wishes to settings: parts chosen by number or name, loops and tempos as typed, channels that do not clash."""

import pytest

from companion.charts.reader import parse_chart
from companion.errors import UsageError
from companion.music import Bar, Note, Score, Track
from companion.practice.chart_song import chart_to_song
from companion.practice.setup import Wishes, assign_channels, chart_settings, parse_tempo, parse_trainer, song_settings
from companion.practice.song_file import SongFile, _parts, find_part
from companion.session.api.settings import Song, TrackSettings

NAMES = (
    ("Melody", 73, False),
    ("Piano left", 0, False),
    ("Piano right", 0, False),
    ("Bass", 33, False),
    ("Kit", 0, True),
)


@pytest.fixture
def song_file():
    bars = (Bar((Note(0, 480, 60),)),) * 8
    tracks = (
        Track(bars, program, drum, name, 9 if drum else index) for index, (name, program, drum) in enumerate(NAMES)
    )
    score = Score(tuple(tracks))
    return SongFile(Song(score, "Tune", ((0.0, 100.0),)), tuple(_parts(score)))


def roles(settings):
    return {track.name: track.role for track in settings.tracks}


def test_without_wishes_the_whole_song_plays_and_you_play_along(song_file):
    settings = song_settings(song_file, Wishes())
    assert list(roles(settings).values()) == ["human"] + ["backing"] * 5
    assert settings.clock.source == "internal"
    assert settings.tracks[0].song_track is None


def test_my_part_is_silent_or_a_guide_and_fills_are_the_companions(song_file):
    settings = song_settings(song_file, Wishes(me="melody", fills=("4", "Pad:new age pad", "strings")))
    assert roles(settings) == {
        "you": "human", "Melody": "silent", "Piano left": "backing", "Piano right": "backing",
        "Bass": "companion", "Kit": "backing", "Pad": "companion", "strings": "companion",
    }  # fmt: skip
    assert settings.tracks[0].song_track == settings.tracks[1].song_track == 0
    assert settings.tracks[-2].program == 88
    assert roles(song_settings(song_file, Wishes(me="1", guide=True)))["Melody"] == "backing"


@pytest.mark.parametrize(
    ("wishes", "fault"),
    [
        (Wishes(me="trumpet"), "no part 'trumpet' .*1 Melody"),
        (Wishes(me="piano"), "'piano' could be any of the parts 2 Piano left, 3 Piano right"),
        (Wishes(fills=("piano",)), "could be any"),
        (Wishes(me="bass", fills=("bass",)), "cannot be both"),
        (Wishes(fills=("Horn:nothing such",)), "no instrument is called 'nothing such'"),
        (Wishes(loop="9-16"), "loop of bars 9-16: the song has bars 1-8"),
        (Wishes(loop="0-4"), "the song has bars 1-8"),
        (Wishes(loop="a-b"), "expected bars like 9-16"),
        (Wishes(tempo="fast"), "expected something like 80% or 96"),
        (Wishes(tempo="0%"), "tempo 0%"),
        (Wishes(trainer="70:110"), "FROM:TO:STEP"),
        (Wishes(trainer="70:110:-4"), "trainer: its step"),
        (Wishes(transpose=99), "allow -60 to"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(song_file, wishes, fault):
    with pytest.raises(UsageError, match=fault) as error:
        song_settings(song_file, wishes)
    assert "\n" not in str(error.value)


def test_tempo_loop_and_trainer_as_typed(song_file):
    settings = song_settings(song_file, Wishes(tempo="80%", loop="3-4", trainer="", transpose=-2))
    assert settings.practice.loop == (2, 4)
    assert settings.clock.bpm == pytest.approx(80)
    assert parse_tempo("50", 100.0) == 0.5
    assert parse_trainer("70:110:+4") == pytest.approx((0.7, 1.1, 0.04))
    assert parse_trainer("110%:70%:5%") == pytest.approx((1.1, 0.7, -0.05))
    assert song_settings(song_file, Wishes(trainer="50:100:5")).clock.bpm == pytest.approx(50)


def test_a_chart_goes_round_with_a_band_of_the_companions():
    song = chart_to_song(parse_chart("Tempo: 90\nMeter: 3/4\n| C | F |"))
    settings = chart_settings(song, Wishes())
    assert roles(settings) == {
        "you": "human", "Chords": "silent", "bass": "companion", "drums": "companion", "comping": "companion",
    }  # fmt: skip
    assert settings.practice.loop == (0, 2)
    assert str(settings.clock.time_signature) == "3/4"
    assert roles(chart_settings(song, Wishes(fills=("Solo:flute",), chords_audible=True)))["Chords"] == "backing"
    with pytest.raises(UsageError, match="no written part"):
        chart_settings(song, Wishes(me="1"))


def test_no_two_sounds_share_a_channel_while_there_are_channels():
    tracks = [TrackSettings(f"t{index}", "backing", index % 20, channel=3) for index in range(15)]
    channels = [track.channel for track in assign_channels(tracks)]
    assert len(set(channels)) == 15
    assert 9 not in channels
    many = assign_channels([TrackSettings(f"t{index}", "backing", index * 2) for index in range(64)])
    assert {track.channel for track in many} == set(range(16)) - {9}
    drums = assign_channels([TrackSettings("d", "backing", 0, True), TrackSettings("p", "companion", 0, channel=9)])
    assert [track.channel for track in drums] == [9, 0]


def test_parts_are_found_by_instrument_too(song_file):
    assert find_part(song_file.parts, "flute").number == 1
    assert find_part(song_file.parts, "drums").number == 5
