from __future__ import annotations

from companion.midi.messages import ClockStart, ClockStop, ClockTick, NoteOff, NoteOn
from companion.session.api.settings import TrackSettings
from companion.session.input.routing import EchoGuard, MasterChoice, Router
from companion.session.lanes import make_lanes


def routed(*tracks: TrackSettings):
    router = Router(make_lanes(tracks))
    return lambda port, channel: lane.name if (lane := router.lane_for(port, channel)) else None


def test_channel_ten_is_for_drums():
    to = routed(TrackSettings("piano", "human"), TrackSettings("pads", "human", is_drum=True))
    assert (to("any", 9), to("any", 0), to("any", 3)) == ("pads", "piano", "piano")


def test_without_a_drummer_channel_ten_is_nobody_s():
    assert routed(TrackSettings("piano", "human"))("any", 9) is None


def test_a_claimed_channel_comes_first():
    to = routed(TrackSettings("any", "human"), TrackSettings("bass", "human", channel=1))
    assert (to("x", 1), to("x", 2)) == ("bass", "any")


def test_ports_keep_players_apart():
    to = routed(TrackSettings("left", "human", input_port="Roland"), TrackSettings("right", "human", input_port="Korg"))
    assert (to("roland A-88 1", 0), to("KORG nano", 0), to("other", 0)) == ("left", "right", None)


def test_our_own_lanes_listen_to_nobody():
    assert routed(TrackSettings("bass", "companion", channel=1))("x", 1) is None


def test_channels_are_given_out():
    tracks = [TrackSettings("me", "human"), *(TrackSettings(str(n), "companion") for n in range(3))]
    lanes = make_lanes([*tracks, TrackSettings("d", "companion", is_drum=True)])
    assert [lane.channel for lane in lanes] == [None, 1, 2, 3, 9]


def test_an_echo_is_swallowed_with_its_note_off():
    guard = EchoGuard()
    guard.note_sent("Synth MIDI 1 OUT", NoteOn(1, 60, 90), 1.0)
    assert guard.is_echo("Synth MIDI 1 IN", NoteOn(1, 60, 90), 1.01)
    assert guard.is_echo("Synth MIDI 1 IN", NoteOff(1, 60), 2.0)
    assert not guard.is_echo("Synth MIDI 1 IN", NoteOff(1, 60), 2.1)


def test_what_others_play_is_no_echo():
    guard = EchoGuard()
    guard.note_sent("Synth", NoteOn(1, 60, 90), 1.0)
    assert not guard.is_echo("Keyboard", NoteOn(1, 60, 90), 1.01)
    assert not guard.is_echo("Synth", NoteOn(1, 60, 91), 1.01)
    assert not guard.is_echo("Synth", NoteOn(1, 60, 90), 1.5)
    assert not guard.is_echo("Synth", NoteOff(1, 60), 1.01)


def test_one_clock_at_a_time():
    masters = MasterChoice()
    assert masters.accepts("drum machine", ClockTick(), False, 1.0)
    assert not masters.accepts("keyboard", ClockTick(), False, 1.01)
    assert masters.accepts("keyboard", ClockTick(), True, 3.1)


def test_who_starts_becomes_the_master_but_nobody_stops_another_s_music():
    masters = MasterChoice()
    masters.accepts("keyboard", ClockTick(), False, 1.0)
    assert masters.accepts("daw", ClockStart(), False, 1.01)
    assert masters.accepts("daw", ClockTick(), False, 1.02)
    assert not masters.accepts("keyboard", ClockTick(), True, 1.03)
    assert not masters.accepts("keyboard", ClockStart(), True, 1.03)
    assert not masters.accepts("keyboard", ClockStop(), True, 1.03)


def test_a_start_without_ticks_or_a_lost_port_makes_no_master():
    masters = MasterChoice()
    masters.accepts("daw", ClockStart(), False, 1.0)
    assert masters.accepts("keyboard", ClockTick(), False, 1.6)
    masters.port_lost("keyboard")
    assert masters.accepts("daw", ClockTick(), True, 1.61)
