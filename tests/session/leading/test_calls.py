"""Calls in simulated time: where each takes effect, what it changes, and that it can be taken back."""

from __future__ import annotations

from companion.midi.messages import NoteOff, NoteOn
from companion.session.api.calls import (
    Break,
    Build,
    CancelCall,
    DoubleTime,
    Drop,
    DrumsOnly,
    Ending,
    Fill,
    FollowDynamics,
    HalfTime,
    SetIntensity,
    SoloForMe,
)
from companion.session.api.commands import command
from companion.session.api.effects import Notice
from companion.session.api.settings import ClockSettings
from companion.session.api.transport_commands import Start
from companion.session.leading.fills import CRASH, SNARE, TOMS
from tests.session.session_stage import READY, Stage, trio

BAR = 96
BASS, DRUMS, STRINGS = 1, 2, 3
# The master's first tick is at second 1 and a bar lasts 2 s at 120 BPM: bar n begins at 1 + 2 n.


def playing(bars: int = 12, **options) -> Stage:
    stage = Stage(trio(), **options)
    stage.at(0, READY)
    stage.clock(1.0, BAR * bars)
    for beat in range(4 * bars):
        stage.play(1.0 + beat * 0.5, (60, 64, 67, 72)[beat % 4], 0.4)
    return stage


def onsets(stage: Stage, lane: int, start: float, end: float) -> list[float]:
    return [round(time - start, 3) for time, _ in stage.sent(NoteOn, lane) if start - 1e-3 <= time < end - 1e-3]


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def test_a_break_begins_on_the_next_beat_and_ends_on_a_one() -> None:
    stage = playing()
    stage.at(9.2, Break(beats=4))  # bar 4, just behind its first beat: from beat 2 (9.5) to the first one behind 11.5
    stage.run(17)
    for lane in (BASS, DRUMS, STRINGS):
        assert onsets(stage, lane, 9.0, 9.5) == [0.0]
        assert onsets(stage, lane, 9.5, 13.0) == []
        assert onsets(stage, lane, 13.0, 15.0) == [0.0, 0.5, 1.0, 1.5]
    off = max(time for time, _ in stage.sent(NoteOff, BASS) if time < 13.0)
    assert off <= 9.51
    assert stage.hanging == 0 or stage.session.running


def test_a_break_at_the_bar_is_shown_before_it_happens_and_can_be_taken_back() -> None:
    stage = playing()
    stage.at(9.2, Break(beats=4, at="bar"))
    stage.run(9.3)
    (shown,) = stage.session.snapshot(stage.now).calls
    assert (shown.kind, shown.first_bar, shown.last_bar) == ("break", 5, 5)
    stage.at(9.5, CancelCall())
    stage.run(13)
    assert stage.session.snapshot(stage.now).calls == ()
    assert onsets(stage, BASS, 11.0, 13.0) == [0.0, 0.5, 1.0, 1.5]
    assert "break taken back" in notices(stage)


def test_a_fill_at_the_bar_ends_it_with_a_run_and_leads_to_a_crash() -> None:
    stage = playing()
    stage.at(9.2, Fill())
    stage.run(14)
    run = [
        (round(time - 11.0, 3), effect.message.key)
        for time, effect in stage.sent(NoteOn, DRUMS)
        if 11.99 < time < 12.99
    ]
    assert {key for _, key in run} >= {SNARE, *TOMS}
    assert sorted({time for time, _ in run}) == [1.0 + step / 8 for step in range(8)]
    assert CRASH in {effect.message.key for time, effect in stage.sent(NoteOn, DRUMS) if abs(time - 13.0) < 0.02}
    assert onsets(stage, BASS, 11.0, 13.0) == [0.0, 0.5, 1.0, 1.5]


def test_a_fill_now_takes_the_rest_of_the_bar() -> None:
    stage = playing()
    stage.at(9.8, Fill(at="now"))
    stage.run(14)
    times = onsets(stage, DRUMS, 9.0, 11.0)
    assert 0.5 in times
    assert [time for time in times if time > 0.8 and (time * 8) % 1 == 0 and time not in (1.0, 1.5)]
    assert CRASH in {effect.message.key for time, effect in stage.sent(NoteOn, DRUMS) if abs(time - 11.0) < 0.02}


def test_a_fill_sounds_when_the_model_is_late() -> None:
    stage = playing(engine_seconds=30.0)
    stage.at(9.2, Fill())
    stage.run(13)
    assert {effect.message.key for time, effect in stage.sent(NoteOn, DRUMS) if 11.99 < time < 12.99} >= {SNARE, *TOMS}


def test_an_ending_closes_on_the_tonic_and_stops_our_own_clock() -> None:
    stage = Stage(trio(clock=ClockSettings("internal")))
    stage.at(0, READY)
    stage.at(0.5, Start())
    for beat in range(40):
        stage.play(0.5 + beat * 0.5, (60, 64, 67, 72)[beat % 4], 0.4)
    stage.at(8.7, Ending())  # bars begin at 0.5 + 2 n: the cadence is the bar from 10.5, the last chord from 12.5
    stage.run(20)
    last = [
        (lane, effect.message.key % 12)
        for lane in (BASS, STRINGS)
        for time, effect in stage.sent(NoteOn, lane)
        if time > 12.4
    ]
    assert {(BASS, 0), (STRINGS, 0), (STRINGS, 4), (STRINGS, 7)} == set(last)
    assert not stage.session.running
    assert stage.session.snapshot(stage.now).transport.state == "stopped"
    assert stage.hanging == 0


def test_an_ending_under_a_masters_clock_falls_silent_and_waits() -> None:
    stage = playing()
    stage.at(9.2, Ending(bars=1))
    stage.run(24)
    assert onsets(stage, STRINGS, 11.0, 13.0)
    assert set(onsets(stage, STRINGS, 11.0, 13.0)) == {0.0}
    assert onsets(stage, BASS, 13.0, 24.0) == []


def test_everyone_out_but_the_drums_and_back() -> None:
    stage = playing()
    stage.at(9.2, DrumsOnly())
    stage.at(13.2, DrumsOnly())
    stage.run(17)
    assert onsets(stage, BASS, 11.0, 15.0) == []
    assert len(onsets(stage, DRUMS, 11.0, 15.0)) >= 8
    assert onsets(stage, BASS, 15.0, 17.0) == [0.0, 0.5, 1.0, 1.5]


def test_half_and_double_time_move_the_drums() -> None:
    stage = playing()
    stage.at(9.2, HalfTime())
    stage.at(11.2, HalfTime())
    stage.at(11.3, DoubleTime())
    stage.run(15)
    assert onsets(stage, DRUMS, 11.0, 13.0) == [0.0, 1.0]
    assert onsets(stage, DRUMS, 13.0, 15.0) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    assert onsets(stage, BASS, 11.0, 13.0) == [0.0, 0.5, 1.0, 1.5]


def loudness(stage: Stage, lane: int, start: float, end: float) -> float:
    velocities = [effect.message.velocity for time, effect in stage.sent(NoteOn, lane) if start <= time < end]
    return sum(velocities) / len(velocities)


def test_intensity_changes_loudness_and_low_intensity_thins_the_band() -> None:
    stage = playing()
    stage.at(9.2, SetIntensity(100))
    stage.at(13.2, Drop())
    stage.run(19)
    assert loudness(stage, BASS, 11, 13) > 1.2 * loudness(stage, BASS, 7, 9)
    assert loudness(stage, BASS, 15, 17) < loudness(stage, BASS, 7, 9)
    assert onsets(stage, STRINGS, 15.0, 19.0) == []
    assert onsets(stage, BASS, 15.0, 17.0) == [0.0, 0.5, 1.0, 1.5]


def test_a_build_rises_to_the_full() -> None:
    stage = playing()
    stage.at(9.2, Build(bars=3))
    stage.run(17.5)
    steps = [loudness(stage, BASS, start, start + 2) for start in (9, 11, 13, 15)]
    assert steps == sorted(steps)
    assert stage.session.snapshot(stage.now).intensity == 100


def test_a_solo_asks_for_less_and_plays_softer() -> None:
    stage = playing()
    stage.at(9.2, SoloForMe())
    stage.run(15)
    job = next(
        effect.job
        for time, effect in stage.jobs()
        if time > 9.2 and effect.job.first_bar + effect.job.targets[0][1] > 5
    )
    asked = [levels for track, levels in zip(job.tracks, job.attributes, strict=True) if track == DRUMS]
    assert asked == [{"note_density": 1}]
    assert loudness(stage, BASS, 11, 13) < loudness(stage, BASS, 7, 9)


def test_the_bands_loudness_follows_the_players() -> None:
    stage = Stage(trio())
    stage.at(0, READY)
    bars = 24
    stage.clock(1.0, BAR * bars)
    stage.at(0.5, FollowDynamics(1.0))
    played = []
    for bar in range(bars):
        velocity = 40 + round(60 * (1 - abs(2 * bar / bars - 1)))  # a crescendo, then a decrescendo
        played.append(velocity)
        for beat in range(4):
            stage.play(1.0 + 2 * bar + beat * 0.5, 60, 0.4, velocity)
    stage.run(1 + 2 * bars)
    heard = [loudness(stage, BASS, 1 + 2 * bar, 3 + 2 * bar) for bar in range(4, bars)]
    assert correlation(played[2 : bars - 2], heard) >= 0.8
    assert max(heard) > 1.5 * min(heard)


def correlation(first: list, second: list) -> float:
    mean_first, mean_second = sum(first) / len(first), sum(second) / len(second)
    products = sum((a - mean_first) * (b - mean_second) for a, b in zip(first, second, strict=True))
    return products / (sum((a - mean_first) ** 2 for a in first) * sum((b - mean_second) ** 2 for b in second)) ** 0.5


def test_calls_without_music_say_so() -> None:
    stage = Stage(trio())
    stage.at(0, READY)
    stage.at(1, Fill())
    stage.at(2, command("cancel_call"))
    stage.run(3)
    assert notices(stage) == ["fill: nothing plays yet", "cancel call: there is no call to take back"]


def test_one_rehearsal_with_all_calls_leaves_nothing_hanging_and_repeats_itself() -> None:
    calls = [
        Fill(),
        Break(at="now"),
        SoloForMe(),
        SoloForMe(),
        DrumsOnly(),
        DrumsOnly(),
        HalfTime(),
        HalfTime(),
        DoubleTime(),
    ]
    calls += [
        DoubleTime(),
        Build(2),
        Drop(),
        SetIntensity(50),
        Fill(at="now"),
        Fill(at="section"),
        Break(8, "bar"),
        Ending(),
    ]

    def rehearse() -> Stage:
        stage = playing(bars=40, engine_seconds=0.6)
        for number, call in enumerate(calls):
            stage.at(6.3 + 3.7 * number, call)
        stage.run(80)
        stage.close()
        return stage

    stage = rehearse()
    assert stage.hanging == 0
    assert stage.double_ons == 0
    assert [effect for _, effect in stage.log] == [effect for _, effect in rehearse().log]
