"""Zones of a keyboard in simulated time: edges, what each zone plays and where it sounds, and notes held while a zone changes."""

from __future__ import annotations

import pytest

from companion.errors import UsageError
from companion.midi.messages import (
    ChannelMessage,
    ControlChange,
    NoteOff,
    NoteOn,
    PitchBend,
    Pressure,
    ProgramChange,
)
from companion.session.api.commands import command
from companion.session.api.effects import Notice, SendMidi
from companion.session.api.events import PortChanged
from companion.session.api.settings import (
    ChordSettings,
    ChordZone,
    ClockSettings,
    SessionSettings,
    TrackSettings,
    Zone,
)
from companion.session.input.zone_faults import check_key_zones
from tests.session.session_stage import READY, Stage

ME, LEFT, PADS, BAND = range(4)
BASS_ZONE = Zone("bass", 0, 47, track=LEFT)
DRUM_ZONE = Zone("drums", 36, 51, track=PADS, channel=9)


def keyboard(*zones: Zone, thru: bool = True, learned: dict[str, str] | None = None, **changes) -> Stage:
    tracks = (
        TrackSettings("me", "human"),
        TrackSettings("left", "human", program=33, channel=4),
        TrackSettings("pads", "human", is_drum=True, channel=9),
        TrackSettings("strings", "companion", program=48, channel=2),
    )
    clock = ClockSettings("internal", 120)
    stage = Stage(SessionSettings(tracks, clock, zones=zones, thru=thru, learned=learned or {}, **changes))
    stage.at(0, READY)
    stage.at(0.5, command("start"))
    stage.run(0.6)
    return stage


def passed(stage: Stage) -> list[tuple[float, ChannelMessage]]:
    """What passed through, with seconds from the start of the stage."""
    return [
        (round(time, 3), effect.message)
        for time, effect in stage.log
        if isinstance(effect, SendMidi) and effect.source < 0 and isinstance(effect.message, (NoteOn, NoteOff))
    ]


def captured(stage: Stage, lane: int) -> list[tuple[int, int]]:
    """(pitch, velocity) of everything that a lane of the player's played."""
    session = stage.session
    position = session._parts.time.position(stage.now)
    return [(n.pitch, n.velocity) for bar in range(4) for n in session.capture.notes(lane, bar, position)]


def notices(stage: Stage) -> list[str]:
    return [effect.text for _, effect in stage.log if isinstance(effect, Notice)]


def test_each_key_plays_the_part_of_its_zone_up_to_the_edge() -> None:
    stage = keyboard(BASS_ZONE)
    for step, key in enumerate((0, 47, 48, 127)):
        stage.play(1.0 + 0.2 * step, key, 0.1)
    stage.run(2.0)
    assert captured(stage, LEFT) == [(0, 80), (47, 80)]
    assert captured(stage, ME) == [(48, 80), (127, 80)]
    ons = [message for _, message in passed(stage) if isinstance(message, NoteOn)]
    assert [(on.channel, on.key) for on in ons] == [(4, 0), (4, 47), (0, 48), (0, 127)]
    assert stage.hanging == 0 or stage.session.running


def test_a_zone_sounds_transposed_with_its_own_instrument_and_is_captured_so() -> None:
    stage = keyboard(Zone("bass", 0, 59, track=LEFT, transpose=-12))
    stage.play(1.0, 48, 0.25)
    stage.run(2.0)
    assert captured(stage, LEFT) == [(36, 80)]
    assert passed(stage) == [(101.0, NoteOn(4, 36, 80)), (101.25, NoteOff(4, 36))]
    programs = [message for _, message in sent(stage) if message == ProgramChange(4, 33)]
    assert len(programs) == 1
    stage.play(2.1, 50, 0.1)
    stage.run(2.3)
    assert sum(message == ProgramChange(4, 33) for _, message in sent(stage)) == 1, "it is chosen once"
    stage.at(2.4, PortChanged("", "out", False))
    stage.at(2.5, PortChanged("", "out", True))
    stage.play(2.6, 50, 0.1)
    stage.run(2.8)
    assert sum(message == ProgramChange(4, 33) for _, message in sent(stage)) == 2, "a new output does not know it"


def sent(stage: Stage) -> list[tuple[float, ChannelMessage]]:
    return [(time, effect.message) for time, effect in stage.log if isinstance(effect, SendMidi)]


def test_a_pitch_beyond_the_last_key_comes_back_by_octaves() -> None:
    stage = keyboard(Zone("high", 100, 127, transpose=24))
    stage.play(1.0, 127, 0.1)
    stage.play(1.2, 103, 0.1)
    stage.run(1.5)
    assert captured(stage, ME) == [(127, 80), (127, 80)]


def test_velocity_parts_two_zones_on_the_same_keys() -> None:
    stage = keyboard(
        Zone("soft", track=LEFT, velocity_high=80),
        Zone("hard", track=ME, velocity_low=81),
    )
    for step, velocity in enumerate((1, 80, 81, 127)):
        stage.play(1.0 + 0.2 * step, 60, 0.1, velocity)
    stage.run(2.0)
    assert captured(stage, LEFT) == [(60, 1), (60, 80)]
    assert captured(stage, ME) == [(60, 81), (60, 127)]


def test_a_key_struck_hard_while_it_is_held_softly_ends_both_with_its_note_offs() -> None:
    stage = keyboard(Zone("soft", track=LEFT, velocity_high=80), Zone("hard", track=ME, velocity_low=81))
    stage.midi(1.0, NoteOn(0, 60, 40))
    stage.midi(1.1, NoteOn(0, 60, 100))
    stage.midi(1.2, NoteOff(0, 60))
    stage.midi(1.3, NoteOff(0, 60))
    stage.run(1.5)
    offs = [message for _, message in passed(stage) if isinstance(message, NoteOff)]
    assert {off.channel for off in offs} == {0, 4}
    assert not any(sounding for (_, channel, key), sounding in stage.sounding.items() if key == 60)


def test_a_note_off_with_any_velocity_ends_a_note_of_a_velocity_zone() -> None:
    stage = keyboard(Zone("hard", track=LEFT, velocity_low=81))
    stage.midi(1.0, NoteOn(0, 60, 100))
    stage.midi(1.1, NoteOff(0, 60, 0))
    stage.run(1.5)
    assert passed(stage) == [(101.0, NoteOn(4, 60, 100)), (101.1, NoteOff(4, 60))]


def test_channel_10_is_a_zone_of_drums_beside_a_bass_on_the_same_keys() -> None:
    stage = keyboard(Zone("bass", 0, 59, track=LEFT, channel=0), Zone("drums", 36, 51, track=PADS, channel=9))
    stage.play(1.0, 36, 0.1, channel=0)
    stage.play(1.2, 36, 0.1, channel=9)
    stage.run(1.5)
    assert captured(stage, LEFT) == [(36, 80)]
    assert captured(stage, PADS) == [(36, 80)]
    assert [message.channel for _, message in passed(stage)] == [4, 4, 9, 9]
    assert not any(isinstance(message, ProgramChange) and message.channel == 9 for _, message in sent(stage))


def test_a_control_zone_is_silent_and_its_learned_pads_act() -> None:
    stage = keyboard(Zone("controls", 36, 51, controls=True, channel=9), learned={"note:36@9": "set_intensity:80"})
    stage.play(1.0, 36, 0.1, channel=9)
    stage.play(1.2, 37, 0.1, channel=9)
    stage.play(1.4, 60, 0.1, channel=9)
    stage.run(2.0)
    assert stage.session.snapshot(stage.now).intensity == 80
    assert captured(stage, PADS) == [(60, 80)]
    assert [message.key for _, message in passed(stage)] == [60, 60]
    assert stage.session.counters["unpaired_offs"] == 0


def test_thru_is_a_zones_own_where_it_says_so() -> None:
    stage = keyboard(Zone("always", 0, 47, LEFT, thru=True), Zone("never", 48, 59, thru=False), thru=False)
    for step, key in enumerate((40, 50, 70)):
        stage.play(1.0 + step / 10, key, 0.05)
    stage.run(1.5)
    assert [message.key for _, message in passed(stage)] == [40, 40]
    stage.at(2.0, command("thru", on=True))
    for step, key in enumerate((40, 50, 70)):
        stage.play(2.1 + step / 10, key, 0.05)
    stage.run(2.5)
    assert [message.key for _, message in passed(stage)][2:] == [40, 40, 70, 70]


def test_switching_thru_off_ends_only_what_passed_because_it_was_on() -> None:
    stage = keyboard(Zone("always", 0, 47, LEFT, thru=True))
    stage.midi(1.0, NoteOn(0, 40, 90))
    stage.midi(1.0, NoteOn(0, 70, 90))
    stage.at(1.1, command("thru", on=False))
    stage.midi(1.5, NoteOff(0, 40))
    stage.midi(1.5, NoteOff(0, 70))
    stage.run(2.0)
    assert passed(stage)[2:] == [(101.1, NoteOff(0, 70)), (101.5, NoteOff(4, 40))]


@pytest.mark.parametrize("change", ["remove", "move", "swap", "into"])
def test_a_note_held_while_a_zone_changes_ends_where_it_began(change: str) -> None:
    stage = keyboard(*(() if change == "into" else (BASS_ZONE,)))
    channel = 0 if change == "into" else 4
    stage.midi(1.0, NoteOn(0, 40, 90))
    wishes = {
        "remove": command("remove_zone", name="bass"),
        "move": command("set_zone", name="bass", low=0, high=30, track=LEFT),
        "swap": command("set_zone", name="bass", low=0, high=47, transpose=5),
        "into": command("set_zone", name="bass", low=0, high=47, controls=True),
    }
    stage.at(1.2, wishes[change])
    stage.midi(1.4, NoteOff(0, 40))
    stage.run(2.0)
    assert passed(stage) == [(101.0, NoteOn(channel, 40, 90)), (101.4, NoteOff(channel, 40))]
    lane = ME if change == "into" else LEFT
    (note,) = stage.session.capture.notes(lane, 0, 2.8)
    assert (note.pitch, note.duration_ticks) == (40, round(0.4 * 2 * 480))
    assert stage.session.counters["unpaired_offs"] == 0


def test_a_pad_held_while_its_control_zone_goes_stays_silent() -> None:
    stage = keyboard(Zone("controls", 36, 51, controls=True))
    stage.midi(1.0, NoteOn(0, 40, 90))
    stage.at(1.1, command("remove_zone", name="controls"))
    stage.midi(1.2, NoteOff(0, 40))
    stage.midi(1.3, NoteOn(0, 40, 90))
    stage.midi(1.4, NoteOff(0, 40))
    stage.run(2.0)
    assert [time for time, _ in passed(stage)] == [101.3, 101.4]
    assert stage.session.snapshot(stage.now).counters["unpaired_offs"] == 0


def test_held_notes_of_zones_end_when_their_input_is_lost() -> None:
    stage = keyboard(BASS_ZONE)
    stage.midi(1.0, NoteOn(0, 40, 90))
    stage.at(1.0, PortChanged("keys", "in", True))
    stage.at(1.3, PortChanged("keys", "in", False))
    stage.run(2.0)
    assert passed(stage)[-1] == (101.3, NoteOff(4, 40))


def test_the_pedal_and_the_wheel_reach_every_zone_of_the_keyboard_once() -> None:
    stage = keyboard(BASS_ZONE, Zone("bass 2", 48, 50, LEFT), Zone("elsewhere", 51, 55, PADS, channel=9))
    stage.midi(1.0, ControlChange(0, 64, 127))
    stage.midi(1.1, PitchBend(0, 100))
    stage.midi(1.2, Pressure(0, 90, 40))
    stage.midi(1.3, ProgramChange(0, 7))
    stage.run(1.5)
    got = [message for time, message in sent(stage) if time >= 101.0 and not isinstance(message, (NoteOn, NoteOff))]
    channels = {kind: [m.channel for m in got if isinstance(m, kind)] for kind in (ControlChange, PitchBend, Pressure)}
    assert channels == {ControlChange: [0, 4], PitchBend: [0, 4], Pressure: [0, 4]}
    assert [m.channel for m in got if isinstance(m, ProgramChange) and m.program == 7] == [0]


def test_the_sustain_pedal_holds_the_notes_of_a_transposed_zone() -> None:
    stage = keyboard(Zone("bass", 0, 47, LEFT, transpose=12))
    stage.midi(1.0, ControlChange(0, 64, 127))
    stage.play(1.0, 40, 0.1)
    stage.midi(1.5, ControlChange(0, 64, 0))
    stage.run(2.0)
    (note,) = stage.session.capture.notes(LEFT, 0, 3.0)
    assert (note.pitch, note.duration_ticks) == (52, 480)


def test_a_part_that_a_zone_plays_gets_nothing_else() -> None:
    stage = keyboard(BASS_ZONE)
    stage.play(1.0, 60, 0.1, channel=4)
    stage.run(1.5)
    assert captured(stage, LEFT) == []
    assert captured(stage, ME) == [(60, 80)]
    stage.at(1.6, command("remove_zone", name="bass"))
    stage.play(1.7, 60, 0.1, channel=4)
    stage.run(2.0)
    assert captured(stage, LEFT) == [(60, 80)]


def test_a_zone_beside_the_chord_zone() -> None:
    chords = ChordSettings(zones=(ChordZone(0, 47),))
    stage = keyboard(Zone("lead", 72, 127, LEFT, transpose=12), chords=chords)
    stage.play(1.0, 45, 0.5)
    stage.play(1.0, 72, 0.5)
    stage.play(1.0, 60, 0.5)
    stage.run(1.2)
    assert stage.session._parts.chords.zone.chord is not None
    assert captured(stage, LEFT) == [(84, 80)]
    assert captured(stage, ME) == [(60, 80)]
    stage.at(1.7, command("set_zone", name="low", low=40, high=50))
    stage.at(1.8, command("set_chord_zone", split=80))
    stage.run(2.0)
    assert notices(stage) == [
        "set zone: zone low and the chord zone overlap in keys 40-47 (E2 to B2)",
        "set chord zone: zone lead and the chord zone overlap in keys 72-79 (C5 to G5)",
    ]


def test_zones_show_in_the_snapshot_and_undo_puts_them_back() -> None:
    stage = keyboard(BASS_ZONE)
    stage.at(1.0, command("set_zone", name="lead", low=72, high=127, transpose=12))
    stage.run(1.1)
    assert [zone.name for zone in stage.session.snapshot(stage.now).zones] == ["bass", "lead"]
    stage.at(1.2, command("undo"))
    stage.at(1.3, command("remove_zone", name="lead"))
    stage.at(1.4, command("set_zone", name="band", low=50, high=60, track=BAND))
    stage.run(1.5)
    assert stage.session.snapshot(stage.now).zones == (BASS_ZONE,)
    assert notices(stage) == [
        "undone: zones: bass",
        "remove zone: no zone is named lead (there are: bass)",
        "set zone: strings is no part of yours",
    ]


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ((Zone("a", 0, 50), Zone("b", 50, 90)), "zones a and b overlap in keys 50-50 (D3 to D3)"),
        ((Zone("a", 0, 50, port="Keystep"), Zone("b", 40, 90)), "overlap in keys 40-50"),
        ((Zone("a", 0, 50, channel=3), Zone("b", 40, 90)), "overlap in keys 40-50"),
        ((Zone("a", velocity_high=64), Zone("b", velocity_low=64)), "overlap in keys 0-127"),
        ((Zone("a", 0, 9), Zone("a", 10, 20)), "two zones are named a"),
        ((Zone("a", 9, 8),), "zone a: the lower end of a range comes first"),
        ((Zone("a", 0, 8, track=1, controls=True),), "zone a: a zone of controls plays no part"),
    ],
)
def test_zones_that_cannot_be_are_said_in_one_line(zones: tuple[Zone, ...], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_key_zones(zones)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_zones_apart_by_key_velocity_channel_or_port_may_stand_side_by_side() -> None:
    check_key_zones((Zone("a", 0, 49), Zone("b", 50, 90)))
    check_key_zones((Zone("a", channel=0), Zone("b", channel=9)))
    check_key_zones((Zone("a", velocity_high=63), Zone("b", velocity_low=64)))
    check_key_zones((Zone("a", port="pads"), Zone("b", port="keys")))
    check_key_zones((Zone("a", 48, 90),), (ChordZone(0, 47),))
