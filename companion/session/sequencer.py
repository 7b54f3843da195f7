"""Does everything that is due in order: clock messages, decisions, bar lines, notes and requests.

`advance(now)` is called before and after every event, and at `next_timer()`.
"""

from __future__ import annotations

from companion.session.extensions import Extensions
from companion.session.output.playback import Playback
from companion.session.output.scheduler import Scheduler
from companion.session.performance import Performance
from companion.session.requests.requests import NEVER, Requests
from companion.session.requests.taking_over import TakingOver
from companion.session.rewriting.rewriting import Rewriting
from companion.session.spare_time import SpareTime
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport
from companion.session.transport.written_tempos import WrittenTempos


class Sequencer:
    """Holds no state of its own."""

    def __init__(
        self,
        time: MusicalTime,
        performance: Performance,
        transport: Transport,
        tempos: WrittenTempos,
        playback: Playback,
        scheduler: Scheduler,
        requests: Requests,
        taking_over: TakingOver,
        rewriting: Rewriting,
        extensions: Extensions,
        spare: SpareTime,
    ) -> None:
        self._time, self._performance, self._transport, self._tempos = time, performance, transport, tempos
        self._playback, self._scheduler, self._requests = playback, scheduler, requests
        self._taking_over, self._rewriting = taking_over, rewriting
        self._extensions, self._spare = extensions, spare

    def next_timer(self) -> float | None:
        """When `advance` is needed next, in seconds; None = only when an event comes."""
        due = self._time.clock.next_timer()
        due = NEVER if due is None else due
        if self._performance.running:
            tempo = self._tempos.due_seconds()
            due = min(
                due,
                self._line_seconds(),
                self._commit_seconds(),
                self._requests.due_seconds(),
                self._requests.prefill_due_seconds(),
                self._taking_over.due_seconds(),
                self._rewriting.due_seconds(),
                self._extensions_seconds(),
                self._spare.due_seconds(),
                NEVER if tempo is None else tempo,
                self._scheduler.next_due(self._time.to_seconds),
            )
        return None if due == NEVER else due

    def advance(self, now: float) -> None:
        """Do everything due by `now`."""
        if (master := self._time.master) is not None:
            self._tempos.pass_due(now)
            self._transport.send_clock(master.due(now))
        elif (follower := self._time.follower) is not None:
            follower.handle_timer(now)
            self._transport.follow_clock(now)
        if not self._performance.running:
            self._transport.prepare_start(now)
            return
        if now >= self._extensions_seconds():
            self._extensions.reached(self._time.position(now), now)
        self._scheduler.run(now, self._time.to_seconds)
        while self._performance.running and self._pass_bar_line(now):
            self._scheduler.run(now, self._time.to_seconds)
        if self._performance.running:
            self._taking_over.run_due(now)
            self._requests.run_due(now)
            self._rewriting.run_due(now)
            self._spare.run_due(now, lambda: self._scheduler.next_due(self._time.to_seconds))

    def _pass_bar_line(self, now: float) -> bool:
        """Pass at most one decision or bar line. Returns whether there was one."""
        if now >= self._commit_seconds():
            bar = self._performance.committed_bar + 1
            self._extensions.deciding(bar, now)
            self._playback.commit_bar(bar)
            return True
        if now >= self._line_seconds():
            self._transport.begin_bar(self._performance.bar + 1, now)
            return True
        return False

    def _extensions_seconds(self) -> float:
        """When an extension is wanted next; infinity = never."""
        position = self._extensions.due_position()
        return NEVER if position is None else self._time.to_seconds(position)

    def _line_seconds(self) -> float:
        return self._time.to_seconds(self._time.timeline.start(self._performance.bar + 1))

    def _commit_seconds(self) -> float:
        """When the next bar is decided; infinity while it is decided already."""
        performance = self._performance
        if performance.committed_bar > performance.bar:
            return NEVER
        return self._playback.commit_seconds(performance.committed_bar + 1)
