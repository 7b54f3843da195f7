"""The first bar of a song is made before the start; and where the music will begin is shown while it rests."""

from __future__ import annotations

import pytest

from companion.midi.messages import NoteOn
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.session.api.effects import Cancel, Generate
from companion.session.api.events import command
from companion.session.api.settings import Song
from companion.session.practice.songbook import SongBook
from tests.session.session_stage import READY, Stage, duo
from tests.session.test_practising import settings, song

PAD = 4


def prepared(source="internal", **options):
    stage = Stage(settings(source=source, fills=("pad",), **options))
    stage.at(0, READY)
    stage.run(0.9)
    return stage


def transport(stage):
    return stage.session.snapshot(stage.now).transport


@pytest.mark.parametrize("loop", [None, (2, 4)])
def test_the_fill_of_the_first_bar_sounds_on_its_line_without_a_count_in(loop):
    stage = prepared(loop=loop)
    stage.at(1.0, command("start"))
    stage.run(2.9)
    assert stage.session.snapshot(stage.now).generation.bars_by_step == {"fresh": 1}
    assert stage.sent(NoteOn, PAD)[0][0] == pytest.approx(1.0)


def test_a_master_that_starts_hears_the_first_bar_filled():
    stage = prepared(source="external")
    stage.clock(1.0, 96)
    stage.run(2.9)
    assert stage.session.snapshot(stage.now).generation.bars_by_step == {"fresh": 1}


def test_what_is_being_made_at_the_start_is_not_thrown_away():
    stage = Stage(settings(fills=("pad",)), engine_seconds=0.3)
    stage.at(0, READY)
    stage.at(0.2, command("start"))
    stage.run(1.0)
    assert stage.session.snapshot(stage.now).generation.bars_by_step == {"fresh": 1}


def test_it_is_made_once_and_again_when_a_dial_is_turned():
    stage = prepared()
    for seconds in (1.0, 1.1):
        stage.at(seconds, command("click"))
    stage.run(2)
    assert len(stage.jobs()) == 1
    stage.at(2.0, command("set_attribute", track=PAD, name="max_polyphony", level=0))
    stage.run(3)
    assert len(stage.jobs()) == 2
    assert not [effect for _, effect in stage.log if isinstance(effect, Cancel)]


def test_without_a_song_or_with_bars_to_wait_for_nothing_is_made_at_rest():
    stage = Stage(duo())
    stage.at(0, READY)
    stage.run(1)
    assert not [effect for _, effect in stage.log if isinstance(effect, Generate)]
    waiting = Stage(settings(fills=("pad",)))
    waiting.at(0, command("wait", bars=2))
    waiting.at(0.1, READY)
    waiting.run(1)
    assert not waiting.jobs()


def test_at_rest_the_place_is_where_the_music_will_begin():
    stage = prepared(loop=(2, 4))
    assert (transport(stage).song_bar, transport(stage).beat) == (2, 0)
    assert stage.session.snapshot(stage.now).practice.song_bar == 2
    stage.at(1.0, command("start"))
    stage.at(6.3, command("stop"))
    stage.run(6.5)
    assert transport(stage).song_bar == 2
    stage.at(6.6, command("seek", bar=0))
    stage.run(7)
    assert (transport(stage).song_bar, transport(stage).beat) == (2, 0)
    stage.at(7.1, command("set_clock_source", source="external"))
    stage.run(7.5)
    assert (transport(stage).song_bar, transport(stage).beat) == (2, 0)


def test_next_section_at_rest_goes_on_from_section_to_section():
    stage = prepared(music=song(8, sections=((0, "A"), (2, "B"), (5, "C"))))
    places = []
    for seconds in (1.0, 1.1, 1.2):
        stage.at(seconds, command("next_section"))
        stage.run(seconds + 0.05)
        places.append(transport(stage).song_bar)
    assert places == [2, 5, 0]


def test_every_bar_on_screen_has_its_own_meter_and_number():
    meters = [TimeSignature(4, 4), TimeSignature(3, 4), TimeSignature(7, 8), TimeSignature(4, 4)]
    stage = prepared(music=song(4, meters=meters), loop=(1, 3))
    stage.at(1.0, command("start"))
    stage.run(4.0)
    places = stage.session.snapshot(stage.now).bars
    assert [(place.song_bar, str(place.time_signature)) for place in places][:4] == [
        (1, "3/4"),
        (2, "7/8"),
        (1, "3/4"),
        (2, "7/8"),
    ]
    assert [place.bar for place in places] == [view.bar for view in stage.session.snapshot(stage.now).lanes[0].bars]


def test_notes_that_sound_on_over_a_bar_line_are_known_there():
    long, short, repeated = Note(960, 480 * 7, 60, 90), Note(0, 480 * 4, 62), Note(0, 480 * 9, 64)
    bars = Bar((short, repeated, long)), Bar((Note(0, 480, 64),)), Bar()
    book = SongBook(Song(Score((Track(bars),)), "", ((0.0, 120.0),)), TimeSignature())
    assert book.held_into(0, 1) == (Note(0, 480 * 5, 60, 90),)
    assert [(note.pitch, note.duration_ticks) for note in book.held_into(0, 2)] == [(60, 480), (64, 480)]
    assert book.held_into(0, 0) == ()
