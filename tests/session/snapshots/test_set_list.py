"""A set list in one performance: another song on the next bar line or at the next start, and the next one prepared ahead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.midi.messages import NoteOn
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.session.api.bar_commands import Undo
from companion.session.api.effects import LoadModel, Notice, PrepareModel
from companion.session.api.settings import (
    ChordSettings,
    ClockSettings,
    ModelSettings,
    SessionSettings,
    SetEntry,
    Song,
    TrackSettings,
)
from companion.session.api.snapshot_commands import ChooseEntry, NextEntry, PreviousEntry
from companion.session.api.transport_commands import SetTempo, Start, Stop
from tests.session.session_stage import READY, Stage

ME, BACKING, BASS = 0, 1, 2


def song_entry(title: str, bpm: float, pitch: int, bars: int = 8, meter: str = "4/4", **settings) -> SetEntry:
    """A written part with one note a beat, and a bass of the companion's."""
    signature = TimeSignature.parse(meter)
    beats = int(signature.beats)
    bar = Bar(tuple(Note(480 * beat, 400, pitch, 90) for beat in range(beats)), signature)
    song = Song(Score((Track((bar,) * bars, program=0, name="tune"),), 480), title, ((0.0, bpm),))
    tracks = (
        TrackSettings("you", "human"),
        TrackSettings("tune", "backing", channel=1, song_track=0),
        TrackSettings("bass", "companion", program=33, channel=2),
    )
    fields = {"clock": ClockSettings("internal", bpm=bpm, time_signature=signature), **settings}
    return SetEntry(title, SessionSettings(tracks=tracks, song=song, **fields), ("first note", "second note"))


def jam_entry(title: str, bpm: float, progression: str) -> SetEntry:
    tracks = (TrackSettings("you", "human"), TrackSettings("bass", "companion", program=33, channel=2))
    settings = SessionSettings(
        tracks=tracks, clock=ClockSettings("internal", bpm=bpm), chords=ChordSettings(progression)
    )
    return SetEntry(title, settings)


def stage_of(*entries: SetEntry, **options) -> Stage:
    stage = Stage(replace(entries[0].settings, set_list=entries), **options)
    stage.at(0, READY)
    return stage


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def tune(stage: Stage, start: float, end: float) -> list[tuple[float, int]]:
    return [
        (round(time - start, 3), effect.message.key)
        for time, effect in stage.sent(NoteOn, BACKING)
        if start - 1e-3 <= time < end - 1e-3
    ]


def test_the_next_song_begins_on_the_next_bar_line_in_its_own_tempo() -> None:
    # One: 120 BPM, bars of 2 s from 1.0. Two: 60 BPM, in three, bars of 3 s.
    stage = stage_of(song_entry("one", 120, 60), song_entry("two", 60, 72, meter="3/4"))
    stage.at(1.0, Start())
    stage.at(5.5, NextEntry())  # in bar 2: bar 3 begins at 7.0
    stage.run(13.2)
    assert tune(stage, 5.0, 7.0) == [(0.0, 60), (0.5, 60), (1.0, 60), (1.5, 60)], "the old song plays to the line"
    assert tune(stage, 7.0, 13.0) == [(float(beat), 72) for beat in range(6)]
    shown = stage.session.snapshot(stage.now)
    assert (shown.practice.title, shown.transport.song_bar, shown.transport.bpm) == ("two", 2, 60.0)
    assert shown.set_list is not None
    assert (shown.set_list.number, shown.set_list.title, shown.set_list.following) == (1, "two", "")
    bass = [round(time - 7.0, 3) for time, _ in stage.sent(NoteOn, BASS) if 6.99 < time < 12.99]
    assert bass == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "the companion plays in the first bar already"
    assert "2 of 2: two, from the next bar on" in notices(stage)
    assert stage.replayed() == stage.heard()
    stage.close()
    assert stage.hanging == 0


def test_at_rest_the_next_song_waits_for_the_start() -> None:
    stage = stage_of(song_entry("one", 120, 60), song_entry("two", 60, 72))
    stage.at(1.0, Start())
    stage.at(4.3, Stop())
    stage.at(5.0, NextEntry())
    stage.at(8.0, Start())
    stage.run(12.1)
    assert tune(stage, 4.3, 8.0) == []
    assert tune(stage, 8.0, 12.0) == [(0.0, 72), (1.0, 72), (2.0, 72), (3.0, 72)]
    bass = [round(time - 8.0, 3) for time, _ in stage.sent(NoteOn, BASS) if 7.99 < time < 11.99]
    assert bass == [0.0, 1.0, 2.0, 3.0], "its first bar was written while the music rested"
    assert "2 of 2: two, ready" in notices(stage)


def test_after_the_end_of_a_song_the_next_one_starts_at_its_beginning() -> None:
    stage = stage_of(song_entry("one", 120, 60, bars=2), song_entry("two", 120, 72))
    stage.at(1.0, Start())  # ends at 5.0
    stage.at(5.5, NextEntry())
    stage.at(6.0, Start())
    stage.run(8.0)
    assert "end of the song" in notices(stage)
    assert tune(stage, 6.0, 8.0) == [(0.0, 72), (0.5, 72), (1.0, 72), (1.5, 72)]


def test_from_a_song_to_a_progression_and_back() -> None:
    one, two = song_entry("one", 120, 60), jam_entry("vamp", 90, "Dm7 | G7")
    stage = stage_of(one, two)
    stage.at(1.0, Start())
    stage.at(5.5, NextEntry())  # from 7.0 on, in bars of 2.667 s
    stage.run(12.0)
    shown = stage.session.snapshot(stage.now)
    assert shown.practice is None
    assert (shown.chords.progression, shown.transport.bpm) == ("Dm7 | G7", 90.0)
    assert [lane.name for lane in shown.lanes] == ["you", "bass"]
    assert tune(stage, 7.0, 12.0) == []
    assert len([time for time, _ in stage.sent(NoteOn, BASS) if 6.99 < time < 9.6]) == 4
    stage.at(12.1, PreviousEntry())  # in the bar from 9.667 to 12.333
    stage.run(14.5)
    assert tune(stage, 12.3333, 14.3) == [(0.0, 60), (0.5, 60), (1.0, 60), (1.5, 60)]
    assert stage.session.snapshot(stage.now).practice.title == "one"


def test_the_next_entry_s_checkpoint_is_prepared() -> None:
    one, two, three = song_entry("one", 120, 60), jam_entry("two", 90, "C"), jam_entry("three", 90, "F")
    two = replace(two, settings=replace(two.settings, model=ModelSettings(checkpoint="ghost")))
    stage = stage_of(one, two, three)
    stage.run(1.0)
    prepared = [effect.model.checkpoint for _, effect in stage.log if isinstance(effect, PrepareModel)]
    assert prepared == ["ghost"]
    stage.at(1.5, NextEntry())
    stage.run(3.0)
    assert [effect.model.checkpoint for _, effect in stage.log if isinstance(effect, LoadModel)] == ["ghost"]
    prepared = [effect.model.checkpoint for _, effect in stage.log if isinstance(effect, PrepareModel)]
    assert prepared[-1] == "yellow", "the third entry's"


def test_the_ends_of_the_list_are_said_and_an_entry_is_chosen_by_number() -> None:
    stage = stage_of(jam_entry("one", 100, "C"), jam_entry("two", 90, "F"), jam_entry("three", 80, "G"))
    for number, wish in enumerate((PreviousEntry(), ChooseEntry(2), NextEntry(), ChooseEntry(7))):
        stage.at(1.0 + number, wish)
    stage.run(6)
    told = notices(stage)
    assert "previous entry: this is the first entry" in told
    assert "3 of 3: three, ready" in told
    assert "next entry: that was the last entry" in told
    assert "choose entry: that was the last entry" in told
    assert stage.session.snapshot(stage.now).set_list.number == 2


def test_without_a_set_list_one_line_says_how() -> None:
    stage = Stage(jam_entry("one", 100, "C").settings)
    stage.at(1.0, NextEntry())
    stage.run(1.1)
    assert notices(stage) == ["next entry: there is no set list: start with companion set FILE"]


def test_what_could_not_be_read_is_said_at_the_beginning() -> None:
    entry = jam_entry("one", 100, "C")
    stage = Stage(replace(entry.settings, set_list=(entry,), remarks=("entry 2 (x): no such file",)))
    stage.run(0.1)
    stage.drain()
    assert notices(stage) == ["entry 2 (x): no such file"]


def test_changes_from_before_another_song_are_not_undone() -> None:
    stage = stage_of(song_entry("one", 120, 60), song_entry("two", 60, 72))
    stage.at(1.0, Start())
    stage.at(2.0, SetTempo(100))
    stage.at(2.1, NextEntry())
    stage.at(9.0, Undo())
    stage.run(10)
    assert notices(stage)[-1] == "undo: nothing to undo"


@pytest.mark.parametrize("bars", [1, 2])
def test_under_an_external_clock_the_next_song_follows_on_the_line(bars: int) -> None:
    one, two = song_entry("one", 120, 60), song_entry("two", 60, 72)
    external = [replace(each, settings=replace(each.settings, clock=ClockSettings())) for each in (one, two)]
    stage = stage_of(*external)
    stage.clock(1.0, 96 * 6)
    stage.at(1.2 + 2 * bars, NextEntry())
    stage.run(3.0 + 2 * bars + 2.0)
    line = 3.0 + 2 * bars
    assert tune(stage, line, line + 2.0) == [(0.0, 72), (0.5, 72), (1.0, 72), (1.5, 72)]
    assert {pitch for _, pitch in tune(stage, 1.0, line)} == {60}


def test_progressions_of_a_set_list_are_read_before_the_music_needs_them(monkeypatch) -> None:
    progression = "Bbmaj7 | Ebm7b5 | Ab7#9"
    stage = stage_of(song_entry("First", 120, 60), jam_entry("Second", 96, progression))
    monkeypatch.setattr("companion.session.chords.written.parse_chart", None)  # reading once more would fail
    stage.at(0.5, Start())
    stage.at(4.0, NextEntry())
    stage.run(9.0)
    assert stage.session.snapshot(stage.now).chords.progression == progression
