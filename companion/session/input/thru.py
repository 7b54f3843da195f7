"""Plays incoming notes out again, if the player wants that."""

from __future__ import annotations

from companion.midi.messages import ChannelMessage, NoteOff, NoteOn
from companion.session.output.outbox import Outbox
from companion.session.output.scheduler import THRU, Scheduler, Voice


class Thru:
    """Notes that pass through end when their key comes up, when thru is switched off, or when their input is lost."""

    def __init__(self, on: bool, scheduler: Scheduler, outbox: Outbox) -> None:
        self._scheduler, self._outbox = scheduler, outbox
        self._notes: dict[tuple[str, int, int], list[int]] = {}  # (port, channel, key) → note ids
        self.on = on

    def switch(self, on: bool, now: float) -> None:
        """Switch thru on or off. Notes that pass through end."""
        self.on = on
        if not on:
            for where in list(self._notes):
                self._end(where, now)

    def pass_on(self, port: str, output: str, message: ChannelMessage, now: float) -> None:
        """Pass a message from an input port to an output port."""
        if not self.on:
            return
        if isinstance(message, NoteOn):
            note_id = self._scheduler.strike(Voice(THRU, output, message.channel), message.key, message.velocity, now)
            self._notes.setdefault((port, message.channel, message.key), []).append(note_id)
        elif isinstance(message, NoteOff):
            self._end((port, message.channel, message.key), now)
        else:
            self._outbox.send(output, message, now)

    def notes_off(self, port: str, channel: int, now: float) -> None:
        """All keys of a channel of this input come up."""
        for where in [where for where in self._notes if where[:2] == (port, channel)]:
            self._end(where, now)

    def port_lost(self, port: str, now: float) -> None:
        """The input was lost."""
        for where in [where for where in self._notes if where[0] == port]:
            self._end(where, now)

    def forget(self) -> None:
        """Forget the notes, because another part has silenced them."""
        self._notes.clear()

    def _end(self, where: tuple[str, int, int], now: float) -> None:
        for note_id in self._notes.pop(where, ()):
            self._scheduler.release(note_id, now)
