"""Collects the session's effects in order, and counters of what happened."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

from companion.midi.messages import ChannelMessage, ClockMessage, NoteOn, SystemExclusive
from companion.session.api.effects import Effect, Notice, SendMidi

Level = Literal["info", "warning", "error"]


class Outbox:
    """Effects and counters. note_sent: told of every note-on, with its port and time (seconds)."""

    def __init__(self, note_sent: Callable[[str, NoteOn, float], None]) -> None:
        self._note_sent = note_sent
        self._effects: deque[Effect] = deque()
        self._counters: Counter[str] = Counter()
        self._last_notice = ""

    @property
    def counters(self) -> Counter[str]:
        """The counters by name."""
        return self._counters

    def drain(self) -> list[Effect]:
        """The collected effects in order. The outbox is then empty."""
        drained = list(self._effects)
        self._effects.clear()
        return drained

    def emit(self, effect: Effect) -> None:
        """Add an effect for the runtime to carry out."""
        if isinstance(effect, SendMidi) and isinstance(effect.message, NoteOn):
            self._note_sent(effect.port, effect.message, effect.due_seconds)
        self._effects.append(effect)

    def send(
        self, port: str, message: ChannelMessage | ClockMessage | SystemExclusive, due: float, source: int = -1
    ) -> None:
        """Send a message that is not a tracked note. due: in seconds."""
        self.emit(SendMidi(port, message, due, source))

    def notice(self, text: str, level: Level = "info") -> None:
        """Show the player one line. The same line twice in a row is shown once."""
        if text == self._last_notice:
            return
        self._last_notice = text
        self.emit(Notice(level, text))

    def count(self, name: str, by: int = 1) -> None:
        """Count an occurrence."""
        self._counters[name] += by
