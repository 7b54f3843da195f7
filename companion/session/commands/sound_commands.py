"""The player's other wishes: silence, thru, latency, key, takes."""

from __future__ import annotations

from collections.abc import Mapping

from companion.session.api import commands, lane_commands, setup_commands, song_commands
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Handler
from companion.session.input.thru import Thru
from companion.session.output.scheduler import Scheduler
from companion.session.practice.songbook import SongBook


class SoundCommands:
    """recording: whether the shell keeps a take."""

    def __init__(self, scheduler: Scheduler, thru: Thru, songbook: SongBook) -> None:
        self._scheduler, self._thru, self._songbook = scheduler, thru, songbook
        self.recording = False

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {
            lane_commands.Panic: self._panic,
            setup_commands.Thru: self._switch_thru,
            setup_commands.SetLatency: self._set_latency,
            song_commands.Transpose: self._transpose,
            setup_commands.Record: self._record,
        }

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What the commands change that set something."""
        thru = dial(
            "thru",
            lambda: self._thru.on,
            lambda on, now: self._thru.switch(on, now),
            lambda on: f"thru is {'on' if on else 'off'}",
        )
        return {setup_commands.Thru: lambda wish: thru}

    def _panic(self, wish: lane_commands.Panic, now: float) -> None:
        self._scheduler.panic(now)
        self._thru.forget()

    def _switch_thru(self, wish: setup_commands.Thru, now: float) -> None:
        self._thru.switch(switched(wish.on, self._thru.on), now)

    def _set_latency(self, wish: setup_commands.SetLatency, now: float) -> None:
        self._scheduler.set_latency(wish.port, wish.seconds)

    def _transpose(self, wish: song_commands.Transpose, now: float) -> None:
        self._songbook.transpose_to(wish.semitones)

    def _record(self, wish: setup_commands.Record, now: float) -> None:
        self.recording = switched(wish.on, self.recording)
