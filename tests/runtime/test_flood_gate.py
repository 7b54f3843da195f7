"""A flood of notes: the clock passes, the player's notes pass, the rest is counted, and no note-off is lost."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from companion.midi.messages import ClockTick, ControlChange, Message, NoteOff, NoteOn
from companion.runtime.ports.flood_gate import BURST, MESSAGES_A_SECOND, MESSAGES_A_TURN, WAITING, Arrived, FloodGate

TURN = 0.001


def run(gate: FloodGate, arrived: list[Arrived], seconds: float) -> list[tuple[float, Arrived]]:
    """(turn, message) of everything let in, with turns of a millisecond. The messages come in order of arrival."""
    admitted, now, begin = [], 0.0, 0
    while now < seconds:
        end = bisect_right(arrived, now, lo=begin, key=itemgetter(0))
        admitted += [(now, item) for item in gate.admit(arrived[begin:end], now)]
        begin = end
        now += TURN
    return admitted


def test_a_chord_and_its_clock_pass_at_once_and_unchanged() -> None:
    chord: list[Message] = [ClockTick(), *(NoteOn(0, key, 90) for key in range(60, 70))]
    arrived = [(1.0, "keys", message) for message in chord]
    assert FloodGate().admit(arrived, 1.0) == arrived


def test_in_a_flood_every_tick_passes_in_its_turn_and_notes_up_to_a_rate() -> None:
    flood: list[Arrived] = []
    for index in range(8 * 20_000):  # 20,000 notes a second for 8 seconds
        at = index / 20_000
        flood += [(at, "keys", NoteOn(0, index % 128, 90)), (at, "keys", NoteOff(0, index % 128))]
        if index % 400 == 0:
            flood.append((at, "clock", ClockTick()))
    gate = FloodGate()
    admitted = run(gate, flood, 8.5)
    ticks = [(turn, item[0]) for turn, item in admitted if isinstance(item[2], ClockTick)]
    assert len(ticks) == 400
    assert max(turn - arrival for turn, arrival in ticks) < 2 * TURN
    notes = len(admitted) - len(ticks)
    assert 0.9 * 8 * MESSAGES_A_SECOND < notes < 8.5 * MESSAGES_A_SECOND + BURST
    assert notes + gate.take_dropped()["keys"] + WAITING >= 8 * 40_000
    assert gate.take_dropped() == {}
    times = [item[0] for _, item in admitted]
    assert times == sorted(times)


def test_a_note_that_was_let_in_is_ended_and_one_that_was_left_out_is_not_heard_of() -> None:
    gate = FloodGate()
    count = WAITING + 100
    ons: list[Arrived] = [(1.0, "keys", NoteOn(index // 128, index % 128, 90)) for index in range(count)]
    offs: list[Arrived] = [(1.0, "keys", NoteOff(index // 128, index % 128)) for index in range(count)]
    admitted = [item[2] for _, item in run(gate, [*ons, *offs], 3.0)]
    down = {(m.channel, m.key) for m in admitted if isinstance(m, NoteOn)}
    up = {(m.channel, m.key) for m in admitted if isinstance(m, NoteOff)}
    assert len(down) == WAITING
    assert down == up


def test_one_turn_takes_no_more_than_its_share() -> None:
    arrived: list[Arrived] = [(1.0, "knob", ControlChange(0, 1, value)) for value in range(100)]
    gate = FloodGate()
    assert len(gate.admit(arrived, 1.0)) == MESSAGES_A_TURN
    assert len(gate.admit([], 1.001)) == MESSAGES_A_TURN
