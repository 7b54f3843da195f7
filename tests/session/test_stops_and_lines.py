"""Stopping dead and single lines: what they do to the bar that sounds, and how long a rewrite is expected to take."""

from __future__ import annotations

import pytest

from companion.harmony.key import Key
from companion.harmony.symbols import parse_chord
from companion.music import Note
from companion.session.api.settings import TradingSettings
from companion.session.rewriting.line import bearable, contradicts, is_line, outside
from companion.session.rewriting.stops import Stops
from companion.session.rewriting.times import RewriteTimes
from tests.session.session_stage import READY, Stage, duo
from tests.session.test_rewriting import (
    BASS,
    DRUMS,
    FORM,
    TRACKS,
    bass_keys,
    finished,
    follow,
    keys_of,
    play_along,
    wish_start,
)

# -- stopping dead ------------------------------------------------------------------------------------------------------


def comping(bars: int, length: float = 0.9) -> list[tuple[float, float]]:
    return [(beat, beat + length) for beat in range(4 * bars)]


def heard(bars: int, length: float = 0.9) -> Stops:
    stops = Stops()
    for bar in range(bars):
        stops.bar_over(
            4.0 * bar, 4.0 * bar + 4, [span for span in comping(bars, length) if 4 * bar <= span[0] < 4 * bar + 4]
        )
    return stops


@pytest.mark.parametrize(
    ("played", "position", "stopped"),
    [
        ([(32.0, 32.9)], 33.125, False),
        ([(32.0, 32.9)], 34.125, True),
        ([], 33.125, True),  # nothing on the one
        ([(32.0, 32.9), (33.0, 33.9), (34.0, 34.9)], 35.125, False),
        ([(32.0, 36.0)], 35.125, False),  # a held chord
    ],
)
def test_a_beat_of_silence_is_a_stop_for_somebody_who_comps(played, position, stopped):
    assert heard(8).stopped(position, 32.0, played) is stopped


def test_nobody_stops_before_four_bars():
    assert not heard(3).stopped(14.125, 12.0, [(12.0, 12.5)])
    assert heard(4).stopped(18.125, 16.0, [(16.0, 16.5)])


def test_who_breathes_does_not_stop():
    stops = Stops()
    for bar in range(8):
        stops.bar_over(4.0 * bar, 4.0 * bar + 4, [(4.0 * bar, 4.0 * bar + 2)])
    assert not stops.stopped(35.125, 32.0, [(32.0, 32.5)])


def test_one_stop_does_not_hide_the_next():
    stops = heard(8)
    stops.bar_over(32.0, 36.0, [(32.0, 32.5)])
    stops.bar_over(36.0, 40.0, comping(10)[36:40])
    assert stops.stopped(42.125, 40.0, [(40.0, 40.9)])


def test_a_silence_that_goes_on_belongs_to_the_bar_in_which_it_began():
    stops = heard(8)
    stops.bar_over(32.0, 36.0, [(32.0, 32.5)])
    assert not stops.stopped(37.125, 36.0, [])


def playing(bars: int, stop_bar: int, stop_beat: float, **more):
    """A player who comps the form and stops dead in one bar; back in the next."""
    stage = Stage(
        duo(tracks=TRACKS, rewrite=more.pop("rewrite", "half bar"), clock=_clock(), **more), engine_seconds=0.15
    )
    stage.answer = follow
    stage.at(0, READY)
    stage.at(1.0, wish_start())
    for bar in range(bars):
        for beat in range(4):
            if bar == stop_bar and beat > stop_beat:
                continue
            for key in keys_of(FORM[bar % 4]):
                stage.play(1.0 + 0.5 * (4 * bar + beat) + 0.005, key, 0.45)
    return stage


def _clock():
    from companion.session.api.settings import ClockSettings

    return ClockSettings("internal", 120)


def test_the_parts_stop_on_the_next_beat_and_are_back_on_the_one_and_the_drums_go_on():
    stage = playing(16, stop_bar=12, stop_beat=0)
    stage.run(1.0 + 2 * 14 - 0.05)
    begin = 1.0 + 2 * 12
    # The last chord ends after 0.9 beats; after the third beat a whole beat has been silent.
    assert len(bass_keys(stage, begin, begin + 2)) == 3
    assert len(bass_keys(stage, begin + 2, begin + 4)) == 4
    drums = [time for time, effect in stage.sent(source=DRUMS) if begin - 0.01 <= time < begin + 1.99]
    assert len(drums) == 4
    assert stage.session.counters["stops_followed"] == 1
    assert stage.session.counters["rewrites_asked"] == 0, "nothing is requested for it"


def test_a_stop_is_left_alone_where_the_dial_says_so_where_turns_are_taken_and_where_the_form_rests():
    for more in ({"rewrite": "never"}, {"trading": TradingSettings(answer=True)}):
        stage = playing(16, stop_bar=12, stop_beat=0, **more)
        stage.run(1.0 + 2 * 13)
        assert stage.session.counters["stops_followed"] == 0


def test_who_keeps_playing_is_never_taken_to_have_stopped():
    stage = playing(40, stop_bar=-1, stop_beat=0)
    stage.run(1.0 + 2 * 40 - 0.1)
    assert stage.session.counters["stops_followed"] == 0


# -- single lines -------------------------------------------------------------------------------------------------------

C, IN_C = parse_chord("C"), Key(0)


def line(*pitches: int, beats: float = 0.5) -> list[Note]:
    return [Note(round(480 * beats * at), round(480 * beats), pitch) for at, pitch in enumerate(pitches)]


@pytest.mark.parametrize(
    ("notes", "contradicted"),
    [
        (line(60, 62, 64, 65), False),  # passing notes of the key
        (line(60, 61, 62), True),  # half a beat of C sharp
        (line(60, 61, 62, beats=0.25), False),
        (line(62, 65, 69, 65, 62, 69), True),  # three beats of D minor
        (line(62, 65, 69, 65, 62), False),
        (line(62, 60, 69, 64, 65, 62, 60), False),  # as much inside as outside
    ],
)
def test_a_line_contradicts_a_chord(notes, contradicted):
    assert contradicts(notes, C, IN_C, 1920) is contradicted


def test_without_a_key_only_the_chord_counts():
    assert not contradicts(line(60, 61, 62), C, None, 1920)
    assert contradicts(line(61, 65, 68, 65, 61, 65), C, None, 1920)


def test_only_what_has_sounded_counts():
    assert not contradicts([Note(0, 1920, 61)], C, IN_C, 200)
    assert contradicts([Note(0, 1920, 61)], C, IN_C, 240)


def test_a_line_is_one_note_at_a_time():
    assert is_line(line(60, 62))
    assert not is_line([Note(0, 480, 60), Note(0, 480, 64)])
    assert is_line([Note(0, 500, 60), Note(480, 480, 64)])
    assert not is_line([Note(0, 960, 60), Note(480, 480, 64)]), "an arpeggio that is held"


def test_what_is_a_semitone_away_is_not_bearable():
    assert outside(line(61, 64, 66), C) == {1, 6}
    assert bearable(frozenset({1, 6})) == {1, 3, 4, 6, 8, 9, 10, 11}


def test_a_line_in_a_far_key_makes_the_clashing_part_follow_it():
    stage = Stage(duo(tracks=TRACKS, rewrite="beat", clock=_clock()), engine_seconds=0.15, answer=follow)
    stage.at(0, READY)
    stage.at(1.0, wish_start())
    for bar in range(14):
        tones = keys_of(FORM[bar % 4])
        for half in range(8):
            # The melody goes through the form's chords; in bar 12 it is a semitone too high.
            key = tones[half % 3] + 12 + (1 if bar == 12 else 0)
            stage.play(1.0 + 0.5 * (4 * bar + half / 2) + 0.005, key, 0.24)
    rewritten = finished(stage, 1.0 + 2 * 14)
    jobs = [effect.job for _, effect in stage.jobs() if effect.job.from_beat]
    assert rewritten.get(12, {}).get(BASS) in (1.0, 2.0)
    assert any(job.chords is None and job.guide is None and sum(job.expected) > 0 for job in jobs)
    assert not set(rewritten) & set(range(8, 12)), "the form is known by then"


# -- how long it takes --------------------------------------------------------------------------------------------------


def test_a_rest_counts_as_a_whole_bar_until_some_have_been_measured():
    times = RewriteTimes()
    times.took(0.1, 0.4)
    times.took(0.1, 0.4)
    assert times.expected(0.4) == 0.4
    times.took(0.1, 0.4)
    assert times.expected(0.4) == pytest.approx(0.1)
    assert times.expected(0.8) == pytest.approx(0.2)


def test_nine_of_ten_rests_are_expected_to_be_in_time():
    times = RewriteTimes()
    for tenth in range(1, 11):
        times.took(tenth / 10, 1.0)
    assert times.expected(1.0) == pytest.approx(1.0)
    for _ in range(10):
        times.took(0.2, 1.0)
    assert times.expected(1.0) == pytest.approx(0.9)


@pytest.mark.parametrize(("rest_seconds", "place"), [(0.1, 1.0), (0.45, 2.0)])
def test_the_measured_time_of_rests_decides_which_beat_is_within_reach(rest_seconds, place):
    changes = tuple(range(8, 60, 4))
    stage, end = play_along(60, changes, dial="beat", engine_seconds=lambda job: rest_seconds if job.from_beat else 0.4)
    assert finished(stage, end).get(changes[-1], {}).get(BASS) == place
