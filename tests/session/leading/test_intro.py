"""Intros in simulated time: where they sound, on which chords, how bars are numbered, and that they can be taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.midi.messages import NoteOn
from companion.music import Bar, Note, Score, TimeSignature, Track
from companion.session.api.bar_commands import Undo
from companion.session.api.calls import Intro
from companion.session.api.effects import Notice
from companion.session.api.settings import (
    ChordSettings,
    ClockSettings,
    PracticeSettings,
    SessionSettings,
    Song,
    TrackSettings,
)
from companion.session.api.transport_commands import Start, Stop
from companion.session.leading.fills import CLOSED_HAT, SNARE, TOMS
from tests.session.session_stage import READY, Stage, trio

BASS, DRUMS, STRINGS = 1, 2, 3
CLICK = -1


def band(intro: int = 0, ready: bool = True, engine_seconds: float = 0.2, **clock) -> Stage:
    """A band on a progression of four bars."""
    settings = trio(
        clock=ClockSettings("internal", **clock), chords=ChordSettings("C | F | Dm7 | G7"), intro_bars=intro
    )
    stage = Stage(settings, engine_seconds=engine_seconds)
    if ready:
        stage.at(0, READY)
    return stage


def song(bars: int = 4, pickup: bool = False, **changes) -> SessionSettings:
    """A written tune, one note a beat, with a bass and drums of the companion's. Chords: C in all bars but the last, which has G7."""
    meters = [TimeSignature(1, 4) if pickup and number == 0 else TimeSignature() for number in range(bars)]
    tune = tuple(
        Bar(tuple(Note(480 * beat, 400, 72, 90) for beat in range(int(meter.beats))), meter) for meter in meters
    )
    chords = ((0, 0.0, "C"), (bars - 1, 0.0, "G7"))
    tracks = (
        TrackSettings("you", "human"),
        TrackSettings("tune", "backing", channel=1, song_track=0),
        TrackSettings("bass", "companion", program=33, channel=2),
        TrackSettings("drums", "companion", is_drum=True, channel=9),
    )
    written = Song(Score((Track(tune, program=0, name="tune"),), 480), "tune", ((0.0, 120.0),), chords=chords)
    clock = ClockSettings("internal", time_signature=TimeSignature())
    return SessionSettings(**{"tracks": tracks, "song": written, "clock": clock, **changes})


def notes(stage: Stage, lane: int, start: float, end: float) -> list[tuple[float, int]]:
    return [
        (round(time - start, 3), effect.message.key)
        for time, effect in stage.sent(NoteOn, lane)
        if start - 1e-3 <= time < end - 1e-3
    ]


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def test_two_bars_on_the_turnaround_come_before_the_first_bar_by_rule_when_the_model_is_late() -> None:
    stage = band(intro=2, engine_seconds=60.0)
    stage.at(1.0, Start())  # bars -2 and -1 from 1.0 and 3.0; bar 1 from 5.0
    stage.run(4.9)
    roots = [(time, key % 12) for time, key in notes(stage, BASS, 1.0, 5.0)]
    assert roots == [(0.0, 2), (1.0, 2), (2.0, 7), (3.0, 7)], "Dm7 and G7 are the last two bars"
    drums = notes(stage, DRUMS, 1.0, 3.0)
    assert {time for time, key in drums if key == CLOSED_HAT} == {0.25 * step for step in range(8)}
    assert {key for time, key in notes(stage, DRUMS, 4.0, 5.0)} >= {SNARE, *TOMS}, "the last bar ends in a fill"
    assert {key % 12 for time, key in notes(stage, STRINGS, 1.0, 3.0)} == {2, 5, 9, 0}
    shown = stage.session.snapshot(stage.now)
    assert shown.transport.song_bar == -1
    assert stage.session.performance.name_of(shown.transport.bar) == "bar -1"


def test_a_progression_that_is_played_once_is_introduced_on_its_first_chord() -> None:
    settings = trio(clock=ClockSettings("internal"), chords=ChordSettings("C | F | Dm7 | G7", loop=False), intro_bars=2)
    stage = Stage(settings, engine_seconds=60.0)
    stage.at(0, READY)
    stage.at(1.0, Start())
    stage.run(4.9)
    assert [key % 12 for _, key in notes(stage, BASS, 1.0, 5.0)] == [0, 0, 0, 0]


def test_the_song_s_bars_keep_their_numbers_and_the_band_plays_on_without_a_gap() -> None:
    stage = band(intro=2)
    stage.at(1.0, Start())
    stage.run(7.1)
    shown = stage.session.snapshot(stage.now)
    assert shown.transport.song_bar == 1
    assert [chords.spans[0].chord.text for chords in shown.chords.bars if chords.bar in (2, 3)] == ["C", "F"]
    assert [time for time, _ in notes(stage, BASS, 5.0, 7.0)] == [0.0, 0.5, 1.0, 1.5], "written by the model in time"


def test_the_model_writes_what_it_can_in_time() -> None:
    stage = band(intro=4)
    stage.at(1.0, Start())
    stage.run(9.0)
    steps = stage.session.bars_by_step
    assert steps.get("fresh", 0) >= 6, steps
    bass = [time for time, _ in notes(stage, BASS, 5.0, 9.0)]
    assert bass == [0.5 * beat for beat in range(8)], "four to the bar is the model's"


def test_an_intro_follows_the_count_in() -> None:
    stage = band(intro=2, engine_seconds=60.0, count_in_bars=1)
    stage.at(1.0, Start())  # count-in from 1.0, intro from 3.0, bar 1 from 7.0
    stage.run(7.4)
    assert [time for time, _ in notes(stage, CLICK, 1.0, 7.4)] == [0.0, 0.5, 1.0, 1.5]
    assert notes(stage, BASS, 1.0, 3.0) == []
    assert [time for time, _ in notes(stage, BASS, 3.0, 7.0)] == [0.0, 1.0, 2.0, 3.0]
    assert stage.session.snapshot(stage.now).transport.song_bar == 0


def test_a_song_waits_behind_its_intro_and_keeps_its_bars() -> None:
    stage = Stage(song(intro_bars=2), engine_seconds=60.0)
    stage.at(0, READY)
    stage.at(1.0, Start())
    stage.run(13.5)
    tune = [time for time, effect in stage.sent(NoteOn, 1)]
    assert tune[0] == pytest.approx(5.0)
    assert len(tune) == 16
    assert tune[-1] == pytest.approx(12.5)
    roots = [key % 12 for _, key in notes(stage, 2, 1.0, 5.0)]
    assert roots == [0, 0, 7, 7], "the last two bars of the song: C and G7"
    assert "end of the song" in notices(stage)
    assert stage.hanging == 0


def test_the_first_bar_of_an_intro_is_written_while_the_music_rests() -> None:
    stage = Stage(song(intro_bars=2))
    stage.at(0, READY)
    stage.at(1.0, Start())
    stage.run(5.0)
    assert [time for time, _ in notes(stage, 2, 1.0, 3.0)] == [0.0, 0.5, 1.0, 1.5], "four to the bar is the model's"


def test_a_pickup_ends_the_last_bar_of_the_intro() -> None:
    stage = Stage(song(pickup=True, intro_bars=2), engine_seconds=60.0)
    stage.at(0, READY)
    stage.at(1.0, Start())  # bars of 4 and 3 beats: the pickup begins at 4.5 and bar 2 at 5.0
    stage.run(5.1)
    assert [time for time, effect in stage.sent(NoteOn, 1)] == pytest.approx([4.5, 5.0])


def test_a_loop_that_begins_later_is_introduced_too() -> None:
    stage = Stage(song(intro_bars=2, practice=PracticeSettings(loop=(2, 4))), engine_seconds=60.0)
    stage.at(0, READY)
    stage.at(1.0, Start())
    stage.run(9.5)
    assert stage.session.timeline.song_bars[:7] == [-2, -1, 2, 3, 2, 3, 2][: len(stage.session.timeline.song_bars[:7])]
    assert next(time for time, _ in stage.sent(NoteOn, 1)) == pytest.approx(5.0)


def test_under_an_external_clock_the_intro_begins_with_the_clock() -> None:
    settings = trio(chords=ChordSettings("C | F | Dm7 | G7"), intro_bars=2)
    stage = Stage(settings, engine_seconds=60.0)
    stage.at(0, READY)
    stage.clock(1.0, 96 * 4)
    stage.run(5.2)
    assert [(time, key % 12) for time, key in notes(stage, BASS, 1.0, 5.0)] == [(0.0, 2), (1.0, 2), (2.0, 7), (3.0, 7)]
    assert stage.session.snapshot(stage.now).transport.song_bar == 0


def test_it_is_asked_for_and_taken_back_until_it_begins() -> None:
    stage = band(engine_seconds=60.0, count_in_bars=1)
    stage.at(0.2, Intro(2))
    stage.at(1.0, Start())  # count-in to 3.0
    stage.at(2.0, Intro(0))  # the count-in begins again: bar 1 begins at 4.0
    stage.run(4.2)
    assert notices(stage)[:2] == ["an intro of 2 bars: from the next start on", "no intro"]
    assert stage.session.snapshot(stage.now).transport.song_bar == 0
    assert notes(stage, BASS, 1.0, 4.0) == []
    assert stage.session.snapshot(stage.now).intro_bars == 0


def test_it_is_undone_and_a_switch_toggles_it() -> None:
    stage = band()
    stage.at(0.2, Intro())
    stage.run(0.2)
    assert stage.session.snapshot(stage.now).intro_bars == 2
    stage.at(0.3, Undo())
    stage.run(0.3)
    assert stage.session.snapshot(stage.now).intro_bars == 0
    assert notices(stage)[-1] == "undone: no intro"


def test_it_is_marked_on_its_bars() -> None:
    stage = band(intro=2, engine_seconds=60.0, count_in_bars=1)
    stage.at(1.0, Start())
    stage.run(1.5)
    (call,) = stage.session.snapshot(stage.now).calls
    assert (call.kind, call.first_bar, call.last_bar) == ("intro", 0, 1)
    stage.run(7.2)
    assert stage.session.snapshot(stage.now).calls == ()


def test_a_band_without_drums_and_chords_is_counted_in() -> None:
    settings = SessionSettings(
        tracks=(TrackSettings("me", "human"), TrackSettings("bass", "companion", program=33, channel=1)),
        clock=ClockSettings("internal"),
        intro_bars=2,
    )
    stage = Stage(settings, engine_seconds=60.0)
    stage.at(0, READY)
    stage.at(1.0, Start())
    stage.run(5.2)
    assert [time for time, _ in notes(stage, CLICK, 1.0, 5.2)] == [0.5 * beat for beat in range(8)]


def test_a_stop_within_an_intro_leaves_nothing_sounding_and_the_next_start_has_it_again() -> None:
    stage = band(intro=2, engine_seconds=60.0)
    stage.at(1.0, Start())
    stage.at(3.6, Stop())
    stage.at(6.0, Start())
    stage.run(10.1)
    assert [time for time, _ in notes(stage, BASS, 6.0, 10.0)] == [0.0, 1.0, 2.0, 3.0]
    assert stage.session.snapshot(stage.now).transport.song_bar == 0
    stage.close()
    assert stage.hanging == 0


def test_a_replay_repeats_an_intro() -> None:
    stage = band(engine_seconds=60.0)
    stage.at(0.2, Intro(4))
    stage.at(1.0, Start())
    stage.run(12.0)
    assert len(stage.heard()) > 60
    assert stage.replayed() == stage.heard()
    assert replace(stage.settings, intro_bars=4).intro_bars == 4
