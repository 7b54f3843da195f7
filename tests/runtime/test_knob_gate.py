"""The gate in front of the session: a fast knob is thinned out, its last value always arrives, and everything else passes untouched."""

from __future__ import annotations

import itertools

from companion.midi.messages import ChannelMessage, ControlChange, NoteOn
from companion.runtime.ports.knob_gate import KnobGate

KNOBS = {"cc:74@0": "cc:74@0"}
PAIR = {"cc:1@0": "cc14:1@0", "cc:33@0": "cc14:1@0"}


def heard(
    moves: list[tuple[float, ChannelMessage]], knobs: dict[str, str] = KNOBS, until: float = 2.0
) -> list[tuple[float, ChannelMessage]]:
    """The loop turns once a millisecond from second 1 on. Returns what the session gets, and when."""
    gate, found, waiting = KnobGate(), [], list(moves)
    for turn in range(round((until - 1.0) * 1000) + 1):
        now = round(1.0 + turn / 1000, 3)
        arrived = [(time, "keys", message) for time, message in waiting if time <= now]
        waiting = waiting[len(arrived) :]
        found += [(time, message) for time, _, message in gate.admit(arrived, knobs, now)]
    return found


def test_a_fast_knob_is_thinned_out_and_its_last_value_arrives() -> None:
    moves = [(1.0 + step / 1000, ControlChange(0, 74, step % 128)) for step in range(500)]
    got = heard(moves)
    assert got[0] == (1.0, ControlChange(0, 74, 0)), "the first value is not held up"
    assert 24 <= len(got) <= 26
    assert got[-1][1] == ControlChange(0, 74, 499 % 128)
    assert got[-1][0] <= 1.0 + 0.499 + 0.0205
    times = [time for time, _ in got]
    assert times == sorted(times)
    assert min(after - before for before, after in itertools.pairwise(times)) >= 0.0199


def test_a_slow_knob_passes_as_it_is() -> None:
    moves: list[tuple[float, ChannelMessage]] = [(1.0 + step * 0.03, ControlChange(0, 74, step)) for step in range(20)]
    assert [message for _, message in heard(moves)] == [message for _, message in moves]


def test_what_is_no_knob_passes_at_once_and_in_order() -> None:
    moves: list[tuple[float, ChannelMessage]] = []
    for step in range(100):
        moves.append((1.0 + step / 1000, ControlChange(0, 11, step)))
        moves.append((1.0 + step / 1000, NoteOn(0, step, 90)))
    assert heard(moves) == moves
    assert heard(moves, {}) == moves


def test_both_halves_of_a_pair_stay_together() -> None:
    moves: list[tuple[float, ChannelMessage]] = []
    for value in range(0, 16384, 37):
        at = 1.0 + value / 40000
        moves += [(at, ControlChange(0, 1, value >> 7)), (at + 0.0003, ControlChange(0, 33, value & 127))]
    got = heard(moves, PAIR)
    coarse = fine = 0
    values = []
    for _, message in got:
        assert isinstance(message, ControlChange)
        if message.controller == 1:
            coarse, fine = message.value, 0
        else:
            fine = message.value
        values.append(coarse * 128 + fine)
    assert values == sorted(values), "no step backwards from halves that do not belong together"
    assert values[-1] == max(range(0, 16384, 37))


def test_two_ports_are_two_knobs() -> None:
    gate = KnobGate()
    both = [(1.0, "a", ControlChange(0, 74, 5)), (1.0, "b", ControlChange(0, 74, 9))]
    assert gate.admit(both, KNOBS, 1.0) == both
