"""An intro: some bars of rhythm before the first bar of the music, on its last turnaround or its first chord.

An extension. The bars of an intro have negative song bars, so that the song keeps its numbers: an intro of two bars is bars -2 and -1.
The model writes them where it is in time; otherwise they are made by rule. An intro holds for every start from the beginning until it is
taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.music import Note
from companion.session.api.calls import Intro
from companion.session.api.command_base import Command
from companion.session.api.snapshot import Ladder
from companion.session.commands.undoable import FindUndoable, dial
from companion.session.extension import Context, Extension, Handler
from companion.session.lanes import Lane
from companion.session.leading import rhythm
from companion.session.leading.calls import CallLedger

USUAL_BARS = 2


class Introduction(Extension):
    """calls: the ledger on which an intro is shown. bars: how many there are before a start, 0 for none."""

    def __init__(self, calls: CallLedger, bars: int) -> None:
        self._calls = calls
        self._wanted = bars
        self._bars = range(0)  # session bars of the intro that was laid out last

    def attached(self, context: Context, now: float) -> None:
        """Keep the parts of the session that are needed."""
        self._context = context

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Map the command to its method."""
        return {Intro: self._want}

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """How many bars are wanted."""
        wanted = dial("intro", lambda: self._wanted, self._write, _say)
        return {Intro: lambda wish: wanted}

    def settings(self) -> Mapping[str, Any]:
        """The length that is wanted."""
        return {"intro_bars": self._wanted}

    def picture(self, now: float) -> dict[str, Any]:
        """The length that is wanted, for the screen."""
        return {"intro_bars": self._wanted}

    # -- the start ----------------------------------------------------------------------------------------------------

    def intro_bars(self) -> int:
        """How many bars come before the first bar of a start from the beginning."""
        return self._wanted

    def introduces(self, bar: int, bars: int) -> bool:
        """The music begins with this session bar and this many bars of intro. Returns whether somebody can play them by rule."""
        self._bars = range(bar, bar + bars)
        for call in self._calls.of("intro"):
            self._calls.remove(call)
        if bars:
            timeline = self._context.time.timeline
            self._calls.add("intro", timeline.start(bar), timeline.end(bar + bars - 1), bar, bar + bars - 1)
        band = [lane for lane in self._context.lanes.of("companion") if not lane.muted]
        return any(lane.is_drum for lane in band) or bool(band and self._context.chords(bar))

    def next_song_bar(self, song_bar: int) -> int | None:
        """An intro counts up to -1, and the song's first bar follows."""
        if song_bar >= 0:
            return None
        return song_bar + 1 if song_bar < -1 else self._context.first_song_bar(0)

    def bar_started(self, bar: int, now: float) -> None:
        """Nothing of an intro is left once the song has begun."""
        if bar >= self._bars.stop:
            self._bars = range(0)

    # -- what is played -----------------------------------------------------------------------------------------------

    def lane_notes(self, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """A bar of the intro by rule, where the model has not written it."""
        if bar not in self._bars:
            return None
        if lane.role != "companion":
            return (), "rest"
        if lane.muted:
            return None
        cell = self._context.plan.get(lane.index, bar)
        best = cell.best() if cell is not None else None
        if best is not None and best.complete and best.notes:
            return None
        meter = self._context.time.timeline.meter(bar)
        if lane.is_drum:
            return rhythm.beat(meter, bar == self._bars[-1]), "call"
        return rhythm.part(lane.program, self._context.chords(bar) or ()), "call"

    # -- the player's wishes ------------------------------------------------------------------------------------------

    def _want(self, wish: Intro, now: float) -> None:
        toggled = 0 if self._wanted else USUAL_BARS
        self._write(toggled if wish.bars is None else wish.bars, now)
        self._context.notice(
            f"{_say(self._wanted)}: from the next start on" if not self._is_counting else _say(self._wanted)
        )

    @property
    def _is_counting(self) -> bool:
        return self._context.performance.counting_in

    def _write(self, bars: int, now: float) -> None:
        """While the count-in is heard, the start is made again with the other length."""
        changed, self._wanted = bars != self._wanted, bars
        if changed and self._is_counting:
            self._context.course.begin_again(now)


def _say(bars: int) -> str:
    return f"an intro of {bars} bar{'s' * (bars != 1)}" if bars else "no intro"
