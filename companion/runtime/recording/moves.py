"""What was moved beside the keys in a performance: pedals, bends, pressure, programs, as messages of a track in a song."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from companion.midi.codec import encode
from companion.midi.messages import ControlChange, Message, PitchBend, Pressure, ProgramChange
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import MessageSent, MidiArrived

Move = tuple[float, bytes]  # seconds, message
Ticks = Callable[[float], int]  # seconds → ticks from the start of the song


def moves_of(log: Log, players: Mapping[tuple[str, int], int], lanes: Mapping[int, int]) -> dict[int, list[Move]]:
    """By track number. players: (port, channel) → track number. lanes: source of what was sent → track number."""
    moves: dict[int, list[Move]] = {}
    for record in log.of_kind(MidiArrived):
        if _is_move(record.message):
            number = players.get((record.port, record.message.channel))
            if number is not None:
                moves.setdefault(number, []).append((record.seconds, encode(record.message)))
    for record in log.of_kind(MessageSent):
        if _is_move(record.message) and record.source in lanes:
            moves.setdefault(lanes[record.source], []).append((record.due_seconds, encode(record.message)))
    return moves


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


def _is_move(message: Message) -> bool:
    return isinstance(message, (ControlChange, PitchBend, Pressure, ProgramChange))
