"""Controls other than keys that were moved in a performance: pedals, bends, pressure and programs, as messages of a song's track."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

from companion.midi.codec import encode
from companion.midi.messages import ControlChange, PitchBend, Pressure, ProgramChange
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import MessageSent, MidiArrived, Record

MOVES = (ControlChange, PitchBend, Pressure, ProgramChange)
Move = tuple[float, bytes]  # seconds, message
Ticks = Callable[[float], int]  # seconds → ticks from the start of the song


def moves_of(log: Log, players: Mapping[tuple[str, int], int], lanes: Mapping[int, int]) -> dict[int, list[Move]]:
    """By track number. players: (port, channel) → track number. lanes: source of what was sent → track number."""
    moves: dict[int, list[Move]] = {}
    for arrived in log.of_kind(MidiArrived):
        message = arrived.message
        if isinstance(message, MOVES) and (number := players.get((arrived.port, message.channel))) is not None:
            moves.setdefault(number, []).append((arrived.seconds, encode(message)))
    for sent in log.of_kind(MessageSent):
        if isinstance(sent.message, MOVES) and sent.source in lanes:
            moves.setdefault(lanes[sent.source], []).append((sent.due_seconds, encode(sent.message)))
    return moves


def moved_by(record: Record) -> Hashable | None:
    """What a record moves: the same value for all moves of the same pedal, bend or program of the same channel; None for no move."""
    if not isinstance(record, (MidiArrived, MessageSent)) or not isinstance(record.message, MOVES):
        return None
    message = record.message
    origin = record.port if isinstance(record, MidiArrived) else record.source
    which = message.controller if isinstance(message, ControlChange) else getattr(message, "key", None)
    return origin, message.channel, type(message), which


def controls_of(moves: Iterable[Move], program: int, ticks: Ticks) -> tuple[tuple[int, bytes], ...]:
    """Moves as (tick, message); a program that is chosen already is not chosen again. program: the one that the track begins with."""
    controls: list[tuple[int, bytes]] = []
    for seconds, data in moves:
        if data[0] & 0xF0 == 0xC0:
            if data[1] == program:
                continue
            program = data[1]
        controls.append((ticks(seconds), data))
    return tuple(sorted(controls, key=lambda control: control[0]))
