"""Puts the player's calls on the ledger, each at its musical place, and takes back those that have not begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from companion.errors import UsageError
from companion.music.units import RESOLUTION
from companion.session.api import calls as api
from companion.session.api.command_base import Command
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, Undoable
from companion.session.extension import Context, Handler
from companion.session.lanes import Lane
from companion.session.leading.calls import FOR_EVER, Call, CallKind, CallLedger

SWITCHES: dict[type[Command], CallKind] = {
    api.DrumsOnly: "drums only",
    api.SoloForMe: "solo for me",
    api.HalfTime: "half time",
    api.DoubleTime: "double time",
}


def drummers(context: Context) -> Iterator[Lane]:
    """Return the drum kits of the companion that are heard."""
    return (lane for lane in context.lanes.of("companion") if lane.is_drum and not lane.muted)


class Calling:
    """calls: the ledger on which they stand."""

    def __init__(self, calls: CallLedger) -> None:
        self._calls = calls

    def attached(self, context: Context) -> None:
        """Keep the parts of the session that are needed."""
        self._context = context

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map the calls to their methods."""
        switches: dict[type[Command], Handler] = dict.fromkeys(SWITCHES, self._switch)
        return {
            **switches,
            api.Fill: self._fill,
            api.Break: self._break,
            api.Ending: self._ending,
            api.Build: self._build,
            api.CancelCall: self._cancel,
        }

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What the calls change: those that wait, and the switches."""
        waiting = Undoable("calls", lambda: tuple(self._calls), self._write_waiting, self._say_waiting, runs=False)
        kinds = (api.Fill, api.Break, api.Ending, api.Build, api.CancelCall)
        return dict.fromkeys(kinds, lambda wish: waiting) | dict.fromkeys(SWITCHES, self._switched)

    def _write_waiting(self, calls: tuple[Call, ...], now: float) -> bool:
        """Only calls that have not begun come or go."""
        position = self._context.time.position(now)
        present = tuple(self._calls)
        going = [call for call in present if call not in calls and call.start_beats > position]
        coming = [call for call in calls if call not in present and call.start_beats > position]
        if not self._context.performance.running:
            return False
        for call in going:
            self._calls.remove(call)
        for call in coming:
            self._calls.put_back(call)
        return bool(going or coming)

    def _say_waiting(self, calls: tuple[Call, ...]) -> str:
        return f"calls: {', '.join(call.kind for call in calls) or 'none'}"

    def _switched(self, wish: Command) -> Undoable:
        kind = SWITCHES[type(wish)]

        def read() -> bool:
            return any(call.last_bar == FOR_EVER for call in self._calls.of(kind))

        def write(on: bool, now: float) -> bool:
            if not self._context.performance.running:
                return False
            self._turn(kind, on)
            return True

        return Undoable(("switch", kind), read, write, lambda on: f"{kind} {'on' if on else 'off'}", runs=False)

    def _fill(self, wish: api.Fill, now: float) -> None:
        self._needs_music()
        if not list(drummers(self._context)):
            raise UsageError("no part of the companion is a drum kit")
        if wish.at in ("now", "beat"):
            start = self._next_step(now, RESOLUTION // 4 if wish.at == "now" else RESOLUTION)
            bar = self._context.time.timeline.locate(start).bar
            if bar <= self._context.performance.committed_bar:
                self._calls.add("fill", start, self._context.time.timeline.end(bar), bar, bar)
                return
        bar = self._open_bar()
        if wish.at == "section" and (last := self._context.section_end(bar)) is not None:
            bar = last
        self._calls.add("fill", self._start(bar), self._context.time.timeline.end(bar), bar, bar)

    def _break(self, wish: api.Break, now: float) -> None:
        self._needs_music()
        timeline = self._context.time.timeline
        if wish.at in ("bar", "section"):
            start = self._start(self._open_bar())
        else:
            start = self._next_step(now, 1 if wish.at == "now" else RESOLUTION)
        first = timeline.locate(start).bar
        last = first
        while timeline.end(last) < start + wish.beats - 1e-6:
            last += 1
        covers_first = start <= timeline.start(first) + 1e-6
        whole_from = first if covers_first else first + 1
        call = self._calls.add("break", start, timeline.end(last), whole_from, last)
        if covers_first and first > self._context.performance.committed_bar:
            self._calls.begin(call)  # this call is decided at bar lines only

    def _ending(self, wish: api.Ending, now: float) -> None:
        self._needs_music()
        if any(self._calls.of("ending")):
            raise UsageError("the ending has been called already")
        bar = self._open_bar()
        last = bar + wish.bars - 1
        self._calls.add("ending", self._start(bar), self._context.time.timeline.end(last), bar, last)

    def _switch(self, wish: Any, now: float) -> None:
        self._needs_music()
        self._turn(SWITCHES[type(wish)], wish.on)

    def _turn(self, kind: CallKind, on: bool | None) -> None:
        active = [call for call in self._calls.of(kind) if call.last_bar == FOR_EVER]
        bar = self._open_bar()
        if switched(on, bool(active)):
            if not active:
                self._calls.add(kind, self._start(bar), FOR_EVER, bar, FOR_EVER)
            return
        for call in active:
            self._calls.remove(call)
            if call.first_bar < bar:
                self._calls.add(kind, call.start_beats, self._start(bar), call.first_bar, bar - 1)

    def _build(self, wish: api.Build, now: float) -> None:
        self._needs_music()
        bar = self._open_bar()
        last = bar + wish.bars - 1
        self._calls.add("build", self._start(bar), self._context.time.timeline.end(last), bar, last)

    def _cancel(self, wish: api.CancelCall, now: float) -> None:
        call = self._calls.last_waiting(self._context.time.position(now))
        if call is None:
            raise UsageError("there is no call to take back")
        self._calls.remove(call)
        self._context.notice(f"{call.kind} taken back")

    # -- places -------------------------------------------------------------------------------------------------------

    def _needs_music(self) -> None:
        if not self._context.performance.running:
            raise UsageError("nothing plays yet")

    def _open_bar(self) -> int:
        """Return the first undecided bar."""
        return max(self._context.performance.committed_bar, self._context.performance.bar) + 1

    def _start(self, bar: int) -> float:
        return self._context.time.timeline.start(bar)

    def _next_step(self, now: float, ticks: int) -> float:
        """Return the next place on a grid of this many ticks, counted from the bar line."""
        place = self._context.time.timeline.locate(max(0.0, self._context.time.position(now)))
        line = self._start(place.bar)
        step = ticks / RESOLUTION
        return line + (int(place.beat / step) + 1) * step
