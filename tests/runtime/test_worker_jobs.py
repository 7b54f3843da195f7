"""A session's job as inference takes it: lanes become tracks of the window, and nothing is lost on the way."""

from __future__ import annotations

from dataclasses import replace

from companion.harmony.guide import guide_bar
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.music import Note
from companion.runtime.engine.worker import example_job, live_job

CHORDS = (ChordSpan(0, 4, parse_chord("Dm7")),)
STANDING = (Note(0, 240, 40, 90),)


def test_chords_guide_and_silent_tracks_arrive():
    guide, _ = guide_bar(CHORDS)
    job = live_job(replace(example_job(4), chords=CHORDS, guide=guide, chord_tracks=(1,)))
    assert job.chords == CHORDS
    assert job.guide == guide
    assert job.chord_tracks == {1}


def test_no_chord_and_an_unknown_chord_stay_apart():
    assert live_job(replace(example_job(4), guide=())).guide == ()
    assert live_job(example_job(4)).guide is None


def test_notes_that_stand_are_those_of_the_lanes_tracks():
    job = replace(example_job(4), tracks=(5, 2, 7), forced={5: STANDING, 9: STANDING}, from_beat=1.5)
    assert live_job(job).forced == {0: STANDING}
    assert live_job(job).from_beat == 1.5


def test_one_take_cannot_be_ranked():
    assert live_job(replace(example_job(4), takes=3, ranked=True)).ranked
    assert not live_job(replace(example_job(4), takes=1, ranked=True)).ranked
