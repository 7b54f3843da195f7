"""Several takes of a part's bar: how many are asked for, what becomes of them, and the player's choice among them."""

from __future__ import annotations

import pytest

from companion.midi.messages import NoteOn
from companion.music import Note
from companion.session.api.bar_commands import AnotherTake, Keep, Undo
from companion.session.api.effects import Generate, Notice
from companion.session.api.settings import ClockSettings, ModelSettings, TrackSettings
from companion.session.api.transport_commands import Start
from companion.session.takes.policy import TakesPolicy
from tests.session.session_stage import READY, Stage, duo

BASS, PIANO = 1, 2
BAR_SECONDS = 2.0
TRACKS = (
    TrackSettings("me", "human"),
    TrackSettings("bass", "companion", program=33, channel=1),
    TrackSettings("piano", "companion", program=0, channel=2),
)

# -- how many -----------------------------------------------------------------------------------------------------------


def lead_of(takes: int) -> float:
    """0.5 s for one take, 0.1 s for each further one."""
    return 0.4 + 0.1 * takes


def chosen(policy: TakesPolicy, bar_seconds: float, wanted: int = 4, bar: int = 8, measured: bool = True) -> int:
    return policy.choose(wanted, bar, bar_seconds, lead_of, measured=measured)


def test_one_take_until_the_times_are_known():
    assert chosen(TakesPolicy(), 60.0, measured=False) == 1
    assert chosen(TakesPolicy(), 60.0) == 4


@pytest.mark.parametrize(("bar_seconds", "takes"), [(2.0, 4), (1.9, 2), (1.5, 2), (1.4, 1)])
def test_as_many_as_leave_time_to_listen_to_the_player(bar_seconds, takes):
    # Four takes need a lead of 0.8 s, two need 0.6 s; at first each must fit into 0.4 of a bar.
    assert chosen(TakesPolicy(), bar_seconds) == takes


def test_it_keeps_its_number_longer_than_it_would_begin_with_it():
    policy = TakesPolicy()
    assert chosen(policy, 2.0) == 4
    assert chosen(policy, 1.6) == 4, "0.8 s is half of 1.6 s"
    assert chosen(policy, 1.59) == 2
    assert chosen(policy, 1.6) == 2


@pytest.mark.parametrize(("seconds_left", "takes"), [(0.8, 4), (0.73, 4), (0.71, 2), (0.55, 2), (0.53, 1), (0.0, 1)])
def test_a_request_that_goes_out_late_has_fewer(seconds_left, takes):
    assert TakesPolicy().in_time(4, seconds_left, lead_of) == takes


def test_a_late_bar_puts_an_end_to_it_for_a_while_and_each_further_one_for_longer():
    policy = TakesPolicy()
    policy.was_late(10)
    assert [chosen(policy, 4.0, bar=bar) for bar in (11, 25, 26)] == [1, 1, 4]
    policy.was_late(30)
    assert [chosen(policy, 4.0, bar=bar) for bar in (61, 62)] == [1, 4]


# -- through the session ------------------------------------------------------------------------------------------------


class Told(Stage):
    """Every take of a job is a semitone higher than the one before it, and lower in rank."""

    def _generate(self, job):
        calls = {"n": 0}

        def answer(_job, target):
            take = calls["n"] % job.takes
            calls["n"] += 1
            return [Note(480 * beat, 460, 40 + take + 10 * (job.request_id % 5), 90) for beat in range(4)]

        self.answer = answer
        super()._generate(job)


def playing(takes=4, bars=24, engine_seconds=0.15, kind=Told, tracks=TRACKS, **more) -> Stage:
    settings = duo(tracks=tracks, clock=ClockSettings("internal", 120), model=ModelSettings(takes=takes), **more)
    stage = kind(settings, engine_seconds=engine_seconds)
    stage.at(0, READY)
    stage.at(1.0, Start())
    for beat in range(4 * bars):
        stage.play(1.0 + beat * 0.5, 60 + beat % 7, 0.4)
    return stage


def line(bar: int) -> float:
    return 1.0 + BAR_SECONDS * bar


def heard(stage, bar, lane=BASS):
    """Pitches of a lane in a bar."""
    times = (line(bar) - 0.01, line(bar + 1) - 0.01)
    return [effect.message.key for time, effect in stage.sent(NoteOn, lane) if times[0] <= time < times[1]]


def view(stage, bar, lane=BASS):
    return next(view for view in stage.session.snapshot(stage.now).lanes[lane].bars if view.bar == bar)


def asked(stage, bar):
    return [
        (time, effect.job)
        for time, effect in stage.jobs(Generate)
        if effect.job.first_bar + effect.job.targets[0][1] == bar
    ]


def notices(stage):
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def test_the_session_asks_for_takes_once_bars_have_been_measured_and_plays_the_best():
    stage = playing()
    stage.run(line(20))
    takes = [effect.job.takes for _, effect in stage.jobs() if effect.job.ranked]
    assert set(takes) == {4}
    assert asked(stage, 1)[0][1].takes == 1
    (_, job) = asked(stage, 18)[-1]
    assert (job.takes, job.ranked) == (4, True)
    best = 40 + 10 * (job.request_id % 5)
    assert heard(stage, 18) == [best] * 4
    assert view(stage, 18).take == (1, 4)
    assert stage.session.bars_by_step["fresh"] == 2 * 20


def test_without_the_wish_nothing_is_ranked():
    stage = playing(takes=1)
    stage.run(line(20))
    assert not [effect for _, effect in stage.jobs() if effect.job.ranked or effect.job.takes > 1]
    assert view(stage, 18).take is None


def test_where_time_is_short_there_is_one_take_and_no_bar_is_late():
    def engine(job):
        return 0.6 * (1 + 0.6 * (job.takes - 1))

    stage = playing(engine_seconds=engine)
    stage.run(line(20))
    assert {effect.job.takes for _, effect in stage.jobs()} == {1}
    plain = playing(takes=1, engine_seconds=engine)
    plain.run(line(20))
    assert stage.session.bars_by_step == plain.session.bars_by_step


def test_takes_that_last_longer_than_expected_are_given_up_for_a_while():
    def engine(job):
        return 0.15 if job.takes == 1 else 1.9

    stage = playing(engine_seconds=engine, bars=40)
    stage.run(line(36))
    late = [number for number, (_, effect) in enumerate(stage.jobs()) if effect.job.takes > 1]
    assert 1 <= len(late) <= 3, "after one late bar there is a pause of 16 bars, after the second one of 32"


def test_another_take_of_the_next_bar_is_the_next_in_rank():
    stage = playing()
    stage.at(line(18) - 0.04, AnotherTake(BASS))
    stage.run(line(18) - 0.035)
    assert view(stage, 18).take == (2, 4)
    assert view(stage, 18, PIANO).take == (1, 4)
    stage.run(line(19))
    best = 40 + 10 * (asked(stage, 18)[-1][1].request_id % 5)
    assert heard(stage, 18) == [best + 1] * 4
    assert heard(stage, 18, PIANO) == [best] * 4
    assert view(stage, 18).take == (2, 4), "the other takes stay with the bar"


def test_undo_brings_the_take_before_back():
    stage = playing()
    stage.at(line(18) - 0.040, AnotherTake(BASS))
    stage.at(line(18) - 0.038, AnotherTake(BASS))
    stage.at(line(18) - 0.036, Undo())
    stage.run(line(18) - 0.034)
    assert view(stage, 18).take == (2, 4)


def test_a_wish_waits_for_the_takes_of_a_bar_that_is_not_written_yet():
    stage = playing(engine_seconds=0.4)  # too slow for an insurance
    stage.at(line(17) + 0.5, AnotherTake(BASS))
    stage.at(line(18) - 0.1, AnotherTake(BASS))
    stage.run(line(19))
    best = 40 + 10 * (asked(stage, 18)[-1][1].request_id % 5)
    assert (heard(stage, 18), heard(stage, 18, PIANO)) == ([best + 2] * 4, [best] * 4)
    stage.run(line(20))
    assert view(stage, 19).take == (1, 4), "a wish is for one bar"


def test_a_take_chosen_early_is_not_replaced_by_the_bars_own_request():
    stage = playing(takes=1)  # the bar after the next one is insured in mid bar
    stage.at(line(17) + 0.3, AnotherTake(BASS))
    stage.run(line(19))
    assert len(asked(stage, 18)) == 3, "insurance, another take, and the bar's own request"
    _, again, own = (job for _, job in asked(stage, 18))
    assert [again.tracks[track] for track, _ in again.targets] == [BASS]
    assert [own.tracks[track] for track, _ in own.targets] == [PIANO]
    assert heard(stage, 18) == [40 + 10 * (again.request_id % 5)] * 4


def test_a_repeated_bar_plays_other_takes_from_its_next_repetition_on():
    stage = playing()
    stage.at(line(14) + 0.5, Keep(True))
    stage.at(line(16) + 0.5, AnotherTake(BASS))
    stage.run(line(17))
    first = heard(stage, 14)
    assert heard(stage, 16) == first
    stage.run(line(18))
    assert heard(stage, 17) == [pitch + 1 for pitch in first]
    assert view(stage, 17).take == (2, 4)
    stage.at(line(18) + 0.5, Undo())
    stage.run(line(20))
    assert heard(stage, 19) == first


def test_after_the_last_take_of_a_repeated_bar_new_ones_are_written():
    stage = playing(takes=1)
    stage.at(line(14) + 0.5, Keep(True))
    stage.at(line(16) + 0.5, AnotherTake(BASS))
    stage.run(line(18))
    (time, job) = asked(stage, 14)[-1]
    assert time == pytest.approx(line(16) + 0.5)
    assert [job.tracks[track] for track, _ in job.targets] == [BASS]
    assert heard(stage, 17) == [40 + 10 * (job.request_id % 5)] * 4
    assert view(stage, 17).take == (2, 2)


def test_what_cannot_be_is_said():
    stage = playing(takes=1)
    stage.at(line(10) + 0.1, AnotherTake(0))
    stage.at(line(10) + 0.2, AnotherTake(BASS, 4))
    stage.at(line(10) + 0.3, AnotherTake(BASS, 14))
    stage.run(line(12))
    said = " | ".join(notices(stage))
    assert "me is no part of ours" in said
    assert "bar 5 is already decided" in said
    assert "bar 15 has no plan yet" in said
    rest = Stage(duo())
    rest.at(0.5, AnotherTake())
    rest.run(1)
    assert notices(rest) == ["another take: nothing plays"]


def test_the_same_events_give_the_same_performance():
    def run():
        stage = playing()
        stage.at(line(16) + 0.3, AnotherTake(PIANO))
        stage.at(line(18) - 0.2, AnotherTake(BASS))
        stage.at(line(19) + 0.2, Keep(True))
        stage.at(line(20) + 0.2, AnotherTake())
        stage.run(line(23))
        return stage.log

    assert run() == run()
