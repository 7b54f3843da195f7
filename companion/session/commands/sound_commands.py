"""The player's other wishes: silence, thru, latency, key, learned controls, takes."""

from __future__ import annotations

from collections.abc import Mapping

from companion.session.api import commands as wishes
from companion.session.commands.handlers import switched
from companion.session.extension import Handler
from companion.session.input.controls import LearnedControls
from companion.session.input.thru import Thru
from companion.session.output.scheduler import Scheduler
from companion.session.practice.songbook import SongBook


class SoundCommands:
    """recording: whether the shell keeps a take."""

    def __init__(self, scheduler: Scheduler, thru: Thru, songbook: SongBook, controls: LearnedControls) -> None:
        self._scheduler, self._thru, self._songbook, self._controls = scheduler, thru, songbook, controls
        self.recording = False

    def handlers(self) -> Mapping[type[wishes.Command], Handler]:
        """Which method does which command."""
        return {
            wishes.Panic: self._panic,
            wishes.Thru: self._switch_thru,
            wishes.SetLatency: self._set_latency,
            wishes.Transpose: self._transpose,
            wishes.Learn: self._learn,
            wishes.Record: self._record,
        }

    def _panic(self, wish: wishes.Panic, now: float) -> None:
        self._scheduler.panic(now)
        self._thru.forget()

    def _switch_thru(self, wish: wishes.Thru, now: float) -> None:
        self._thru.switch(switched(wish.on, self._thru.on), now)

    def _set_latency(self, wish: wishes.SetLatency, now: float) -> None:
        self._scheduler.set_latency(wish.port, wish.seconds)

    def _transpose(self, wish: wishes.Transpose, now: float) -> None:
        self._songbook.transpose_to(wish.semitones)

    def _learn(self, wish: wishes.Learn, now: float) -> None:
        self._controls.learn(wish.action)

    def _record(self, wish: wishes.Record, now: float) -> None:
        self.recording = switched(wish.on, self.recording)
