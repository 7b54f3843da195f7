"""Plays incoming notes out again, if the player or a zone of the keyboard wants that."""

from __future__ import annotations

from companion.midi.messages import ChannelMessage, NoteOff, NoteOn, ProgramChange
from companion.session.output.outbox import Outbox
from companion.session.output.scheduler import THRU, Scheduler, Voice

SoundedKey = tuple[str, int, int]  # input port, channel, key


class Thru:
    """Notes that pass through end when their key comes up, when thru is switched off, or when their input is lost."""

    def __init__(self, on: bool, scheduler: Scheduler, outbox: Outbox) -> None:
        self._scheduler, self._outbox = scheduler, outbox
        self._notes: dict[
            SoundedKey, list[tuple[int, bool]]
        ] = {}  # note ids, and whether they pass whatever the switch says
        self._programs: dict[tuple[str, int], int] = {}  # chosen for zones, by output port and channel
        self.on = on

    def switch(self, on: bool, now: float) -> None:
        """Switch thru on or off. Notes that pass through only because it was on end."""
        self.on = on
        if not on:
            for where, notes in list(self._notes.items()):
                for note_id in [note_id for note_id, always in notes if not always]:
                    self._scheduler.release(note_id, now)
                self._notes[where] = [(note_id, always) for note_id, always in notes if always]

    def pass_on(self, port: str, output: str, message: ChannelMessage, now: float) -> None:
        """Pass a message from an input port to an output port, if thru is on. A note-off always ends what its key began."""
        if isinstance(message, NoteOff):
            self.release((port, message.channel, message.key), now)
        elif not self.on:
            return
        elif isinstance(message, NoteOn):
            where = (port, message.channel, message.key)
            self.strike(where, Voice(THRU, output, message.channel), message.key, message.velocity, now)
        else:
            self._outbox.send(output, message, now)

    def strike(
        self, where: SoundedKey, voice: Voice, pitch: int, velocity: int, now: float, *, always: bool = False
    ) -> None:
        """A note begins, and ends with the key `where`. always: also while thru is switched off."""
        note_id = self._scheduler.strike(voice, pitch, velocity, now)
        self._notes.setdefault(where, []).append((note_id, always))

    def release(self, where: SoundedKey, now: float) -> None:
        """A key comes up."""
        for note_id, _ in self._notes.pop(where, ()):
            self._scheduler.release(note_id, now)

    def choose_program(self, output: str, channel: int, program: int, now: float) -> None:
        """Choose the instrument of a zone's own channel, unless it is chosen already."""
        if self._programs.get((output, channel)) != program:
            self._programs[output, channel] = program
            self._outbox.send(output, ProgramChange(channel, program), now)

    def output_back(self, output: str) -> None:
        """An output was connected: what is behind it does not know any instrument yet."""
        self._programs = {place: program for place, program in self._programs.items() if place[0] != output}

    def notes_off(self, port: str, channel: int, now: float) -> None:
        """All keys of a channel of this input come up."""
        for where in [where for where in self._notes if where[:2] == (port, channel)]:
            self.release(where, now)

    def port_lost(self, port: str, now: float) -> None:
        """The input was lost."""
        for where in [where for where in self._notes if where[0] == port]:
            self.release(where, now)

    def forget(self) -> None:
        """Forget the notes, because another part has silenced them."""
        self._notes.clear()
