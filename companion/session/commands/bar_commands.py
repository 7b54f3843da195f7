"""The player's commands for bars: regenerate, keep, lock."""

from __future__ import annotations

from collections.abc import Mapping

from companion.errors import UsageError
from companion.session.api import bar_commands, commands
from companion.session.commands.handlers import switched
from companion.session.commands.undoable import FindUndoable, Undoable
from companion.session.extension import Handler
from companion.session.lanes import Lanes
from companion.session.output.decisions import Decisions, Kept
from companion.session.output.plan import Page, Plan
from companion.session.performance import Performance
from companion.session.requests.engine import Engine
from companion.session.requests.requests import Requests


class BarCommands:
    """Bars are session bars; notices name them as the player counts."""

    def __init__(
        self,
        performance: Performance,
        lanes: Lanes,
        plan: Plan,
        decisions: Decisions,
        engine: Engine,
        requests: Requests,
    ) -> None:
        self._performance, self._lanes, self._plan, self._decisions = performance, lanes, plan, decisions
        self._engine, self._requests = engine, requests

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {
            bar_commands.Regenerate: self._regenerate,
            bar_commands.Keep: self._keep,
            bar_commands.Lock: self._lock,
        }

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What each command changes."""
        return {
            bar_commands.Regenerate: self._drafts,
            bar_commands.Keep: lambda wish: Undoable(
                "kept bar", lambda: self._decisions.kept, self._write_kept, self._say_kept, runs=False
            ),
            bar_commands.Lock: self._locks,
        }

    def _regenerate(self, wish: bar_commands.Regenerate, now: float) -> None:
        bar = self._coming(wish.bar)
        if not self._performance.running:
            raise UsageError("nothing plays")
        if self._engine.checkpoint is None:
            raise UsageError("the engine is not ready")
        if not self._requests.regenerate(bar, now):
            raise UsageError(f"{self._performance.name_of(bar)} is locked, or nobody plays in it")

    def _keep(self, wish: bar_commands.Keep, now: float) -> None:
        if not switched(wish.on, self._decisions.kept_bar is not None):
            self._decisions.keep_nothing()
            return
        kept = max(self._performance.bar, 0) if wish.bar is None else wish.bar
        if wish.bar is not None and wish.bar > self._performance.committed_bar:
            raise UsageError(f"{self._performance.name_of(wish.bar)} has not been decided yet")
        self._decisions.keep(kept)
        self._requests.cancel()

    def _lock(self, wish: bar_commands.Lock, now: float) -> None:
        bar = self._coming(wish.bar)
        if not self._plan.lock([lane.index for lane in self._lanes.of("companion")], bar, wish.on):
            raise UsageError(f"{self._performance.name_of(bar)} has no plan yet")

    # -- what they change ---------------------------------------------------------------------------------------------

    def _ours(self) -> list[int]:
        return [lane.index for lane in self._lanes.of("companion")]

    def _drafts(self, wish: bar_commands.Regenerate) -> Undoable:
        bar, lanes = self._coming(wish.bar), self._ours()

        def write(page: Page, now: float) -> bool:
            if not self._plan.restore(page):
                return False
            self._requests.bar_is_settled(bar)
            cells = [self._plan.at(lane, bar) for lane in lanes if self._decisions.plays_in(self._lanes[lane], bar)]
            if any((best := cell.best()) is None or not best.complete for cell in cells):
                self._requests.ask_for(bar, now)  # the request that wrote it was given up halfway
            return True

        say = f"the plan of {self._performance.name_of(bar)}"
        return Undoable(("drafts", bar), lambda: self._plan.page(lanes, bar), write, lambda page: say, runs=False)

    def _locks(self, wish: bar_commands.Lock) -> Undoable:
        bar, lanes = self._coming(wish.bar), self._ours()

        def write(locked: frozenset[int], now: float) -> bool:
            self._plan.lock([lane for lane in lanes if lane not in locked], bar, False)
            self._plan.lock(locked, bar, True)
            return bar > self._performance.committed_bar

        def say(locked: frozenset[int]) -> str:
            return f"{self._performance.name_of(bar)} is {'locked' if locked else 'not locked'}"

        return Undoable(("lock", bar), lambda: self._plan.locked(lanes, bar), write, say, runs=False)

    def _write_kept(self, kept: Kept, now: float) -> bool:
        self._decisions.restore_kept(kept)
        if kept[0] is not None:
            self._requests.cancel()
        return True

    def _say_kept(self, kept: Kept) -> str:
        return "new bars are written" if kept[0] is None else f"{self._performance.name_of(kept[0])} repeats"

    # -- inside -------------------------------------------------------------------------------------------------------

    def _coming(self, bar: int | None) -> int:
        """The bar that is meant; UsageError where it cannot be changed any more."""
        if bar is None:
            return self._performance.committed_bar + 1
        if bar <= self._performance.committed_bar:
            raise UsageError(f"{self._performance.name_of(bar)} is already decided")
        return bar
