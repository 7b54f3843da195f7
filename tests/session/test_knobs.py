"""Knobs that turn dials, in simulated time: learning, range, curve, pick-up, steps, and what becomes of the control's own meaning."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from companion.errors import UsageError
from companion.midi.messages import ChannelMessage, ControlChange, NoteOn, PitchBend, Pressure, ProgramChange
from companion.session.api import limits
from companion.session.api.commands import command
from companion.session.api.dials import DIALS, check_knob, usual_knob
from companion.session.api.effects import Notice
from companion.session.api.settings import ClockSettings, Knob
from companion.session.api.snapshot import KnobView
from companion.session.dials.curves import settled, value_at
from companion.tokenizer.attributes import SPECS
from tests.session.session_stage import READY, Stage, duo, wish

BASS = 1


def stage_with(*knobs: Knob, **changes) -> Stage:
    stage = Stage(duo(knobs=knobs, clock=ClockSettings(source="internal", bpm=120), **changes))
    stage.at(0, READY)
    return stage


def turned(stage: Stage, *values: int, controller: int = 74, start: float = 1.0) -> None:
    for step, value in enumerate(values):
        stage.midi(start + step * 0.01, ControlChange(0, controller, value))
    stage.run(start + len(values) * 0.01)


def knob_of(stage: Stage) -> KnobView:
    (view,) = stage.session.snapshot(stage.now).knobs
    return view


def intensity(stage: Stage) -> int:
    return stage.session.snapshot(stage.now).intensity


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


JUMPS = Knob("cc:74@0", "intensity", None, 0, 100, pickup=False)
PICKS_UP = replace(JUMPS, pickup=True)


def test_a_knob_covers_its_whole_range_and_both_ends() -> None:
    stage = stage_with(JUMPS)
    for value, expected in ((0, 0), (127, 100), (64, 50), (1, 1)):
        turned(stage, value, start=stage.now - stage.start_seconds + 0.1)
        assert intensity(stage) == expected


def test_an_inverted_knob_runs_the_other_way_within_its_range() -> None:
    stage = stage_with(replace(JUMPS, low=80, high=20))
    for value, expected in ((0, 80), (127, 20), (127, 20), (64, 50)):
        turned(stage, value, start=stage.now - stage.start_seconds + 0.1)
        assert intensity(stage) == expected


@pytest.mark.parametrize(("curve", "half"), [("linear", 50.0), ("exponential", 15.02), ("s", 50.0)])
def test_every_curve_rises_from_one_end_to_the_other(curve: str, half: float) -> None:
    knob = replace(JUMPS, curve=curve)
    values = [value_at(knob, step / 200) for step in range(201)]
    assert values[0] == 0
    assert values[-1] == pytest.approx(100)
    assert values[100] == pytest.approx(half, abs=0.01)
    assert all(before < after for before, after in itertools.pairwise(values))


def test_the_s_curve_is_finer_at_both_ends_than_in_the_middle() -> None:
    knob = replace(JUMPS, curve="s")
    ways = [value_at(knob, place + 0.1) - value_at(knob, place) for place in (0.0, 0.45, 0.9)]
    assert ways[0] == pytest.approx(ways[2])
    assert ways[1] > 5 * ways[0]


def test_with_pick_up_the_dial_stays_until_the_knob_passes_its_value() -> None:
    stage = stage_with(PICKS_UP)
    turned(stage, 0, 20, 50)
    assert intensity(stage) == 50, "the knob is still below"
    assert knob_of(stage).waits
    turned(stage, 80, start=2.0)
    assert intensity(stage) == 63, "it has passed the value: from now on the dial follows"
    assert not knob_of(stage).waits
    turned(stage, 10, start=3.0)
    assert intensity(stage) == 8


def test_a_knob_close_to_the_value_picks_it_up_without_passing_it() -> None:
    stage = stage_with(PICKS_UP)
    turned(stage, 62)
    assert intensity(stage) == 49


def test_a_dial_that_something_else_has_moved_must_be_picked_up_again() -> None:
    stage = stage_with(PICKS_UP)
    turned(stage, 64, 90)
    assert intensity(stage) == 71
    stage.at(2.0, command("set_intensity", value=20))
    turned(stage, 95, 100, start=2.1)
    assert intensity(stage) == 20
    assert knob_of(stage).waits
    turned(stage, 10, start=3.0)
    assert intensity(stage) == 8


def test_a_dial_outside_the_knobs_range_is_picked_up_at_the_nearer_end() -> None:
    stage = stage_with(replace(PICKS_UP, low=60, high=90))
    turned(stage, 64, 30)
    assert intensity(stage) == 50
    turned(stage, 0, 64, start=2.0)
    assert intensity(stage) == 75


def test_without_pick_up_the_dial_jumps() -> None:
    stage = stage_with(JUMPS)
    turned(stage, 127)
    assert intensity(stage) == 100


def test_levels_move_in_steps_and_do_not_flicker_between_two() -> None:
    knob = Knob("cc:74@0", "note_density", BASS, 0, 9, pickup=False)
    stage = stage_with(knob)

    def level_after(value: int) -> int | None:
        turned(stage, value, start=stage.now - stage.start_seconds + 0.1)
        return stage.session.lanes[BASS].attributes.get("note_density")

    # A level is 127/9 = 14.1 steps of the knob wide; the middle between 4 and 5 lies at 63.5.
    assert level_after(60) == 4
    assert [level_after(value) for value in (62, 65, 62, 66)] == [4, 4, 4, 4], "it trembles about the middle"
    assert level_after(68) == 5
    assert [level_after(value) for value in (65, 62, 61)] == [5, 5, 5]
    assert level_after(58) == 4
    assert (level_after(127), level_after(0)) == (9, 0)


def test_a_level_below_the_lowest_is_free() -> None:
    stage = stage_with(Knob("cc:74@0", "note_density", BASS, -1, 9, pickup=False))
    turned(stage, 127)
    assert stage.session.lanes[BASS].attributes == {"note_density": 9}
    turned(stage, 0, start=2.0)
    assert stage.session.lanes[BASS].attributes == {}


def test_one_end_of_a_range_moves_the_other() -> None:
    stage = stage_with(Knob("cc:74@0", "max_polyphony", BASS, 0, 9, pickup=False))
    stage.at(0.5, command("set_attribute", track=BASS, name="min_polyphony", level=4))
    turned(stage, 14)
    assert stage.session.lanes[BASS].attributes == {"min_polyphony": 1, "max_polyphony": 1}


EACH_KIND: list[tuple[str, list[ChannelMessage], float]] = [
    ("cc:74@0", [ControlChange(0, 74, 127)], 100),
    ("bend@0", [PitchBend(0, 8191)], 100),
    ("bend@0", [PitchBend(0, 0)], 50),
    ("pressure@0", [Pressure(0, 127)], 100),
    ("pc@0", [ProgramChange(0, 127)], 100),
    ("cc14:1@0", [ControlChange(0, 1, 64), ControlChange(0, 33, 0)], 50),
    ("cc14:1@0", [ControlChange(0, 1, 127), ControlChange(0, 33, 127)], 100),
]


@pytest.mark.parametrize(("control", "messages", "expected"), EACH_KIND)
def test_each_kind_of_control_turns_a_dial(control: str, messages: list[ChannelMessage], expected: float) -> None:
    stage = stage_with(replace(JUMPS, control=control))
    for message in messages:
        stage.midi(1.0, message)
    stage.run(1.1)
    assert intensity(stage) == expected


def test_a_pair_of_controllers_is_finer_than_one() -> None:
    stage = stage_with(Knob("cc14:1@0", "tempo", None, 60, 180, pickup=False))
    tempos = []
    for fine in (0, 40, 80):
        stage.midi(1.0 + fine / 100, ControlChange(0, 1, 64))
        stage.midi(1.0 + fine / 100, ControlChange(0, 33, fine))
        stage.run(1.0 + fine / 100)
        tempos.append(stage.session.snapshot(stage.now).transport.bpm)
    assert tempos == [120.0, 120.3, 120.6]


def test_every_dial_can_be_set_to_both_ends_of_its_usual_range() -> None:
    for name, dial in DIALS.items():
        stage = stage_with(replace(usual_knob("cc:74@0", name, BASS if dial.of_part else None), pickup=False))
        for value, end in ((127, dial.usual[1]), (0, dial.usual[0])):
            turned(stage, value, start=stage.now - stage.start_seconds + 0.1)
            assert stage.session._parts.knobs._values.value(name, BASS if dial.of_part else None) == end, name
        assert notices(stage) == []


def test_the_levels_of_attributes_are_the_models() -> None:
    assert {name: spec.levels - 1 for name, spec in SPECS.items()} == limits.ATTRIBUTE_TOPS


def test_undo_puts_both_ends_of_a_range_back() -> None:
    stage = stage_with(Knob("cc:74@0", "max_polyphony", BASS, 0, 9, pickup=False))
    stage.at(0.5, command("set_attribute", track=BASS, name="min_polyphony", level=4))
    turned(stage, 14, start=5.0)
    stage.at(6.0, command("undo"))
    stage.run(6.1)
    assert stage.session.lanes[BASS].attributes == {"min_polyphony": 4}


def test_volume_goes_out_as_a_controller_and_shows() -> None:
    stage = stage_with(Knob("cc:74@0", "volume", BASS, 0, 127))
    turned(stage, 100, 90, 40)
    sent = [effect.message for _, effect in stage.sent(ControlChange)]
    assert [(message.controller, message.value) for message in sent] == [(7, 90), (7, 40)], "at 100 nothing changes"
    assert stage.session.snapshot(stage.now).lanes[BASS].volume == 40


# -- learning -----------------------------------------------------------------------------------------------------------


def learning(dial: str = "intensity", track: int | None = None, **changes) -> Stage:
    stage = stage_with(**changes)
    stage.at(0.5, command("learn_dial", dial=dial, track=track))
    stage.run(0.6)
    return stage


def test_a_knob_that_really_moves_is_learned_and_one_that_trembles_is_not() -> None:
    stage = learning()
    assert stage.session.snapshot(stage.now).learning == "dial:intensity"
    stage.midi(1.0, ControlChange(0, 11, 60))
    stage.midi(1.1, ControlChange(0, 11, 61))
    stage.midi(1.2, ControlChange(0, 74, 60))
    stage.midi(1.3, ControlChange(0, 11, 60))
    stage.midi(1.4, ControlChange(0, 74, 66))
    stage.run(1.5)
    assert [view.knob for view in stage.session.snapshot(stage.now).knobs] == [PICKS_UP]
    assert stage.session.snapshot(stage.now).learning == ""
    assert notices(stage) == ["CC 74 on channel 1 now turns intensity: S keeps it in a preset"]
    assert intensity(stage) == 52, "it was close enough to be picked up"


def test_notes_played_while_a_dial_is_learned_stay_notes() -> None:
    stage = learning()
    stage.play(1.0, 60, 0.4)
    stage.run(1.5)
    assert stage.session.snapshot(stage.now).counters["notes_in"] == 1
    assert stage.session.snapshot(stage.now).learning == "dial:intensity"


def test_esc_gives_up_learning() -> None:
    stage = learning()
    stage.at(1.0, command("learn", action=""))
    turned(stage, 0, 127, start=1.1)
    assert stage.session.snapshot(stage.now).knobs == ()


def test_the_second_half_of_a_pair_makes_the_knob_a_pair() -> None:
    stage = learning()
    for step, (coarse, fine) in enumerate(((60, 0), (66, 5), (66, 9), (70, 1))):
        stage.midi(1.0 + step / 100, ControlChange(0, 1, coarse))
        stage.midi(1.0 + step / 100, ControlChange(0, 33, fine))
    stage.run(2.0)
    assert knob_of(stage).knob.control == "cc14:1@0"
    assert knob_of(stage).place == pytest.approx((70 * 128 + 1) / 16383)


def test_a_knob_without_a_second_half_stays_one_of_seven_bits() -> None:
    stage = learning()
    turned(stage, 60, 66, controller=1)
    turned(stage, 10, controller=50, start=1.5)
    turned(stage, 20, controller=33, start=1.6)
    assert knob_of(stage).knob.control == "cc:1@0"


def test_a_dial_has_one_knob_and_a_control_one_meaning() -> None:
    stage = stage_with(PICKS_UP, learned={"cc:80@0": "keep"})
    stage.at(0.5, command("learn_dial", dial="intensity"))
    turned(stage, 0, 127, controller=80)
    picture = stage.session.snapshot(stage.now)
    assert [view.knob.control for view in picture.knobs] == ["cc:80@0"]
    assert picture.learned == {}
    stage.at(2.0, command("learn", action="tap"))
    turned(stage, 127, controller=80, start=2.1)
    picture = stage.session.snapshot(stage.now)
    assert picture.knobs == ()
    assert picture.learned == {"cc:80@0": "tap"}


def test_a_forgotten_control_means_what_it_meant_before() -> None:
    stage = stage_with(PICKS_UP, learned={"cc:80@0": "keep"}, thru=True)
    turned(stage, 10)
    assert stage.sent(ControlChange) == []
    stage.at(2.0, command("forget_control", control="cc:74@0"))
    stage.at(2.0, command("forget_control", control="cc:80@0"))
    stage.at(2.0, command("forget_control", control="cc:99@0"))
    turned(stage, 11, start=2.1)
    assert [effect.message for _, effect in stage.sent(ControlChange)] == [ControlChange(0, 74, 11)]
    assert notices(stage) == ["forget control: CC 99 on channel 1 has not been learned"]


def test_range_curve_and_pick_up_of_a_knob_can_be_changed() -> None:
    stage = stage_with(PICKS_UP)
    stage.at(0.5, command("set_knob", control="cc:74@0", low=40, high=60, curve="s", pickup=False))
    turned(stage, 127)
    assert knob_of(stage).knob == Knob("cc:74@0", "intensity", None, 40, 60, "s", False)
    assert intensity(stage) == 60
    stage.at(2.0, command("set_knob", control="cc:74@0", high=101))
    stage.at(2.1, command("set_knob", control="cc:1@0", high=10))
    stage.at(2.2, wish("set_knob", control="cc:74@0", curve="wavy"))
    stage.at(2.3, command("learn_dial", dial="volume", track=7))
    stage.run(2.5)
    assert notices(stage) == [
        "set knob: intensity: to must be from 0 to 100",
        "set knob: CC 1 on channel 1 turns no dial",
        "set knob: curve must be linear, exponential or s",
        "learn dial: track must be from 0 to 1",
    ]


def test_a_refused_value_does_not_count_as_the_knobs_own() -> None:
    stage = Stage(duo(knobs=(Knob("cc:74@0", "tempo", None, 60, 180),)))
    turned(stage, 64, 100)
    assert notices(stage) == ["set tempo: the MIDI clock decides; switch to the internal clock first"]
    stage.at(2.0, command("set_clock_source", source="internal"))
    turned(stage, 110, start=2.1)
    assert stage.session.snapshot(stage.now).transport.bpm == 120.0
    assert knob_of(stage).waits


def test_a_part_that_is_gone_is_named_once() -> None:
    stage = stage_with(Knob("cc:74@0", "volume", BASS, 0, 127))
    stage.at(0.5, command("remove_track", track=BASS))
    turned(stage, *range(0, 120, 10))
    assert notices(stage) == ["set volume: track 1 is gone"]


@pytest.mark.parametrize(
    ("knob", "said"),
    [
        (Knob("cc:1@0", "loudness"), "unknown dial 'loudness'"),
        (Knob("cc:1@0", "volume"), "volume is a dial of a part: say which part"),
        (Knob("cc:1@0", "tempo", 2), "tempo is a dial of the whole band"),
        (Knob("cc:1@0", "top_p", None, 0.0, 1.0), "top-p: from must be from 0.01 to 1"),
        (replace(JUMPS, curve="wavy"), "curve must be linear, exponential or s"),
    ],
)
def test_a_knob_that_cannot_be_is_said_in_one_line(knob: Knob, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_knob(knob)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_hysteresis_keeps_a_level_and_never_an_end_out_of_reach() -> None:
    density = DIALS["note_density"]
    assert settled(density, 4.7, 4) == 4
    assert settled(density, 4.8, 4) == 5
    assert settled(density, 9.0, 8) == 9
    assert settled(density, 4.6, None) == 5


def test_a_note_that_is_no_control_passes_a_surface_full_of_knobs() -> None:
    stage = stage_with(PICKS_UP, thru=True)
    stage.midi(1.0, NoteOn(0, 60, 90))
    stage.run(1.1)
    assert len(stage.sent(NoteOn)) == 1
