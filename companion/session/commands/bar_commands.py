"""The player's commands for bars: regenerate, keep, lock, undo."""

from __future__ import annotations

from collections.abc import Mapping

from companion.errors import UsageError
from companion.session.api import bar_commands, commands
from companion.session.commands.handlers import switched
from companion.session.extension import Handler
from companion.session.lanes import Lanes
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
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
        outbox: Outbox,
    ) -> None:
        self._performance, self._lanes, self._plan, self._decisions = performance, lanes, plan, decisions
        self._engine, self._requests, self._outbox = engine, requests, outbox

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {
            bar_commands.Regenerate: self._regenerate,
            bar_commands.Keep: self._keep,
            bar_commands.Lock: self._lock,
            bar_commands.Undo: self._undo,
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

    def _undo(self, wish: bar_commands.Undo, now: float) -> None:
        bar = self._plan.undo()
        if bar is None:
            raise UsageError("nothing to undo")
        self._outbox.notice(f"{self._performance.name_of(bar)} is as it was")
        self._requests.bar_is_settled(bar)

    def _coming(self, bar: int | None) -> int:
        """The bar that is meant; UsageError where it cannot be changed any more."""
        if bar is None:
            return self._performance.committed_bar + 1
        if bar <= self._performance.committed_bar:
            raise UsageError(f"{self._performance.name_of(bar)} is already decided")
        return bar
