"""Another take of a part's bar, when the player asks for it: one that is at hand, or a new one from the engine.

The next take in order is played. After the last one, new ones are written if the bar's own request has time to spare; otherwise the
first one comes again. A bar that is still open plays the chosen take, and no later answer changes it. If its takes have not come yet,
the wish waits for them. If a bar is repeated (`Keep`), the take is chosen for that bar, and sounds from its next repetition on. Every
choice can be undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from companion.errors import UsageError
from companion.session.api import bar_commands, commands
from companion.session.api.events import NoteGenerated
from companion.session.commands.undoable import FindUndoable, Undoable
from companion.session.extension import Handler
from companion.session.lanes import Lane, Lanes
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Draft, Plan, PlanBar
from companion.session.performance import Performance
from companion.session.requests.request import Request
from companion.session.requests.requests import Requests
from companion.session.requests.side_requests import SideRequests

PATIENCE_SECONDS = 10.0  # for takes of a bar that is repeated: nothing else is requested meanwhile
NOTES_A_TAKE = 400  # further notes are dropped
_Choice = tuple[tuple[Draft | None, ...], int]  # the chosen take of each part, and how many wishes had to wait so far


@dataclass(slots=True, eq=False)
class _Pending:
    """Takes that are being written. cells: by lane. drafts: by lane and take, as they arrive."""

    request_id: int
    cells: Mapping[int, PlanBar]
    drafts: dict[tuple[int, int], Draft] = field(default_factory=dict)

    def draft(self, lane: int, take: int) -> Draft:
        return self.drafts.setdefault((lane, take), Draft(self.request_id, take=take, group=self.request_id))


class TakeChoice:
    """See the module."""

    def __init__(
        self,
        performance: Performance,
        lanes: Lanes,
        plan: Plan,
        decisions: Decisions,
        requests: Requests,
        side: SideRequests,
        outbox: Outbox,
    ) -> None:
        self._performance, self._lanes, self._plan = performance, lanes, plan
        self._decisions, self._requests, self._side, self._outbox = decisions, requests, side, outbox
        self._pending: _Pending | None = None
        self._waiting: Counter[tuple[int, int]] = Counter()  # wishes by (lane, bar) whose takes have not come yet
        self._asked = 0  # wishes so far for which takes had to be written first

    def handlers(self) -> Mapping[type[commands.Command], Handler]:
        """Which method does which command."""
        return {bar_commands.AnotherTake: self._another}

    def undoables(self) -> Mapping[type[commands.Command], FindUndoable]:
        """What the command changes."""
        return {bar_commands.AnotherTake: self._choice}

    def _choice(self, wish: bar_commands.AnotherTake) -> Undoable:
        bar = self._bar(wish.bar)
        cells = [self._cell(lane, bar) for lane in self._wanted_lanes(wish.track)]

        def read() -> _Choice:
            return tuple(cell.picked for cell in cells), self._asked

        def write(choice: _Choice, now: float) -> bool:
            if not any(self._open(cell) for cell in cells):
                return False
            self._plan.pick(dict(zip(cells, choice[0], strict=True)))
            for cell in cells:
                self._waiting.pop((cell.lane, cell.bar), None)
            if self._pending is not None and set(self._pending.cells.values()) <= set(cells):
                self._pending = None  # the takes under way are not wanted any more
            return True

        return Undoable(
            ("take", bar, wish.track), read, write, lambda _: f"takes of {self._performance.name_of(bar)}", runs=False
        )

    def _open(self, cell: PlanBar) -> bool:
        """Whether another take of a bar would sound."""
        return not cell.committed or self._decisions.kept_cell(cell.lane) is cell

    # -- the player's wish --------------------------------------------------------------------------------------------

    def _another(self, wish: bar_commands.AnotherTake, now: float) -> None:
        bar = self._bar(wish.bar)
        cells = {lane.index: self._cell(lane, bar) for lane in self._wanted_lanes(wish.track)}
        if all(cell.locked for cell in cells.values()):
            raise UsageError(f"{self._performance.name_of(bar)} is locked")
        cells = {lane: cell for lane, cell in cells.items() if not cell.locked}
        planned = {lane: cell for lane, cell in cells.items() if _current(cell) is not None}
        following = {cell: later for cell in planned.values() if (later := _later(cell)) is not None}
        again = {cell: takes[0] for cell in planned.values() if len(takes := cell.takes()) > 1}
        if following:
            self._plan.pick(following)
        elif planned and self._ask(bar, planned, now):
            return
        elif again:
            self._plan.pick(again)
        elif self._requests.brings_takes(bar):
            self._waiting.update((lane, bar) for lane in cells)
            self._asked += 1
        elif planned:
            raise UsageError(f"there is no time for another take of {self._performance.name_of(bar)}")
        else:
            raise UsageError(f"{self._performance.name_of(bar)} has no plan yet")

    def _bar(self, wanted: int | None) -> int:
        """The bar that is meant. UsageError where it cannot be changed any more."""
        if not self._performance.running:
            raise UsageError("nothing plays")
        if self._decisions.kept_bar is not None:
            return self._decisions.kept_bar
        bar = self._performance.committed_bar + 1 if wanted is None else wanted
        if bar <= self._performance.committed_bar:
            raise UsageError(
                f"{self._performance.name_of(bar)} is already decided: keep it, and try takes while it repeats"
            )
        return bar

    def _wanted_lanes(self, track: int | None) -> Sequence[Lane]:
        if track is None:
            return tuple(self._lanes.of("companion"))
        lane = self._lanes.find(track)
        if lane.role != "companion":
            raise UsageError(f"{lane.name} is no part of ours")
        return (lane,)

    def _cell(self, lane: Lane, bar: int) -> PlanBar:
        kept = self._decisions.kept_cell(lane.index) if self._decisions.kept_bar is not None else None
        return kept or self._plan.at(lane.index, bar)

    def _ask(self, bar: int, cells: Mapping[int, PlanBar], now: float) -> bool:
        """Have further takes written. False: there is no time for that."""
        repeats = self._decisions.kept_bar is not None
        lanes = tuple(sorted(cells))
        request_id = self._side.ask_further(bar, lanes, now, now + PATIENCE_SECONDS if repeats else None)
        if request_id is None:
            return False
        self._pending = _Pending(request_id, dict(cells))
        self._asked += 1
        return True

    # -- answers ------------------------------------------------------------------------------------------------------

    def note_came(self, event: NoteGenerated) -> None:
        """One note of a further take."""
        if self._pending is not None and self._pending.request_id == event.request_id:
            notes = self._pending.draft(event.track, event.take).notes
            if len(notes) < NOTES_A_TAKE:
                notes.append(event.note)

    def take_complete(self, request_id: int, lane: int, take: int) -> None:
        """A further take has come to its end."""
        if self._pending is not None and self._pending.request_id == request_id:
            self._plan.complete(self._pending.draft(lane, take))

    def bar_came(self, request: Request) -> None:
        """All takes of a bar to come are there: the wishes that waited for them are done."""
        picks: dict[PlanBar, Draft] = {}
        for lane in request.lanes:
            wishes, cell = self._waiting.pop((lane, request.bar), 0), self._plan.at(lane, request.bar)
            takes = cell.takes()
            if wishes and len(takes) > 1 and not cell.fixed and not cell.committed:
                picks[cell] = takes[min(wishes, len(takes) - 1)]
        self._waiting = Counter({place: wishes for place, wishes in self._waiting.items() if place[1] > request.bar})
        if picks:
            self._plan.pick(picks)

    def finished(self, request: Request, now: float) -> None:
        """All further takes of a request have come: the best one of each part is chosen."""
        pending, self._pending = self._pending, None
        if pending is None or pending.request_id != request.request_id:
            return
        picks: dict[PlanBar, Draft] = {}
        for lane, cell in pending.cells.items():
            takes = [draft for (of, _), draft in sorted(pending.drafts.items()) if of == lane and draft.complete]
            if takes and self._open(cell):
                self._plan.add_takes(cell, takes)
                picks[cell] = takes[0]
        if picks:
            self._plan.pick(picks)
            self._outbox.count("further_takes")
        self._requests.prefill(now)


def _current(cell: PlanBar) -> Draft | None:
    return cell.picked or cell.chosen or cell.best()


def _later(cell: PlanBar) -> Draft | None:
    """The take after the current one; None where that is the last one, or the only one."""
    takes, current = cell.takes(), _current(cell)
    at = takes.index(current) if current in takes else len(takes) if current is None else -1
    return takes[at + 1] if at + 1 < len(takes) else None
