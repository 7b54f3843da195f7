"""Limits a flood of MIDI: the clock passes at once, notes pass up to a rate that no player exceeds, and the rest is counted.

A MIDI cable carries about 1,000 messages a second (31,250 baud). A wiring loop or a broken controller sends twenty
times that over USB. Without this gate, the realtime loop would spend its time on notes that nobody plays, and clock ticks would wait.
It knows seconds and no clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from operator import itemgetter
from typing import get_args

from companion.midi.messages import ChannelMessage, Malformed, Message, NoteOff, NoteOn
from companion.runtime.recording.records import InputDropped, Record

MESSAGES_A_SECOND, BURST = 2000.0, 500.0
REPORT_SECONDS, OVER_SECONDS = 1.0, 5.0
MESSAGES_A_TURN = 24  # of the loop, which has a turn a millisecond
WAITING = 500  # messages that may wait for their turn
_LIMITED = (*get_args(ChannelMessage), Malformed)  # all messages except the clock's
Arrived = tuple[float, str, Message]  # arrival in seconds, port, message


class FloodGate:
    """Stands between the ports and the session. The times that it passes on never go backwards."""

    def __init__(self) -> None:
        self._waiting: deque[Arrived] = deque()
        self._tokens, self._filled = BURST, 0.0
        self._down: set[tuple[str, int, int]] = set()  # (port, channel, key) whose note-on was let in
        self._latest = float("-inf")
        self._dropped: Counter[str] = Counter()

    def admit(self, arrived: list[Arrived], now: float) -> list[Arrived]:
        """The messages that the session gets now, in order of arrival."""
        if not arrived and not self._waiting:
            return []
        ready = []
        for item in arrived:
            if not isinstance(item[2], _LIMITED):
                ready.append(item)
            elif self._may_wait(item):
                self._waiting.append(item)
            else:
                self._dropped[item[1]] += 1
        ready += self._taken(now)
        ready.sort(key=itemgetter(0))
        return [self._in_order(item) for item in ready]

    def take_dropped(self) -> dict[str, int]:
        """How many messages of each port were dropped since the last call."""
        dropped, self._dropped = dict(self._dropped), Counter()
        return dropped

    def _may_wait(self, item: Arrived) -> bool:
        """Whether a message may join those that wait. A note-off shares the fate of its note-on."""
        _, port, message = item
        full = len(self._waiting) >= WAITING
        if isinstance(message, NoteOn):
            if not full:
                self._down.add((port, message.channel, message.key))
            return not full
        if isinstance(message, NoteOff):
            key = (port, message.channel, message.key)
            if key in self._down:
                self._down.discard(key)
                return True
            return not full
        return not full

    def _taken(self, now: float) -> list[Arrived]:
        self._tokens = min(self._tokens + (now - self._filled) * MESSAGES_A_SECOND, BURST)
        self._filled = now
        count = min(len(self._waiting), MESSAGES_A_TURN, int(self._tokens))
        self._tokens -= count
        return [self._waiting.popleft() for _ in range(count)]

    def _in_order(self, item: Arrived) -> Arrived:
        self._latest = max(self._latest, item[0])
        return (self._latest, item[1], item[2])


class FloodReports:
    """Reports dropped messages once a second to the log, and once per flood to the player."""

    def __init__(
        self, gate: FloodGate, record: Callable[[Record], None], complain: Callable[[str], None], now: float
    ) -> None:
        self._gate, self._record, self._complain = gate, record, complain
        self._flooded_until = self._next_report = now

    def report(self, now: float) -> None:
        """Report what was dropped since the last report, if one is due."""
        if now < self._next_report:
            return
        self._next_report = now + REPORT_SECONDS
        for port, count in self._gate.take_dropped().items():
            self._record(InputDropped(now, port, count))
            if now > self._flooded_until:
                self._complain(f"{port} sends more than anyone can play: what is too much is left out")
            self._flooded_until = now + OVER_SECONDS
