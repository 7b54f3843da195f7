"""Decides what each of our lanes plays in a bar, just before its bar line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.extensions import Extensions
from companion.session.lanes import Lane, Lanes
from companion.session.output.plan import Plan, PlanBar
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime

# The bar; by lane, its notes and what is planned of it (which knows the takes).
Kept = tuple[int | None, Mapping[int, tuple[Note, ...]], Mapping[int, PlanBar]]


class Decisions:
    """Takes a bar from the plan, a song, an extension, or the bar that is kept; counts where bars came from.

    kept_bar: the bar of our parts that is repeated instead of generating, None where bars are generated.
    bars_by_step: companion bars decided so far, by the step of the ladder.
    """

    def __init__(
        self, performance: Performance, time: MusicalTime, lanes: Lanes, plan: Plan, extensions: Extensions
    ) -> None:
        self._performance, self._time, self._lanes = performance, time, lanes
        self._plan, self._extensions = plan, extensions
        self._kept_notes: Mapping[int, tuple[Note, ...]] = MappingProxyType({})  # by lane
        self._kept_cells: Mapping[int, PlanBar] = MappingProxyType({})  # by lane; they know which take is repeated
        self.kept_bar: int | None = None
        self.bars_by_step: dict[str, int] = {}
        self.bars_with_late_notes = 0

    def plays_in(self, lane: Lane, bar: int) -> bool:
        """Whether a companion lane plays in a bar."""
        if lane.muted or lane.removed or bar < self._performance.entry_bar:
            return False
        return self._extensions.plays(lane, bar)

    def lanes_in(self, bar: int) -> list[Lane]:
        """The companion lanes that play in a bar."""
        return [lane for lane in self._lanes.of("companion") if self.plays_in(lane, bar)]

    def decide(self, lane: Lane, bar: int) -> PlanBar:
        """Commit a lane's bar."""
        meter = self._time.timeline.meter(bar)
        given = self._extensions.lane_notes(lane, bar)
        counted = False
        before = self._plan.get(lane.index, bar)
        is_new = before is None or not before.committed
        if given is not None:
            self._plan.put(lane.index, bar, *given)
        elif lane.role == "backing":
            written = self._time.songbook.notes(lane.song_track, self._time.timeline.song_bar(bar))
            self._plan.put(lane.index, bar, written or (), "written")
        elif not self.plays_in(lane, bar):
            self._plan.put(lane.index, bar, (), "rest")
        else:
            counted = True
            if self.kept_bar is not None:
                cell = self._kept_cells.get(lane.index)
                number = cell.number_of(cell.picked or cell.chosen) if cell is not None else None
                self._plan.put(lane.index, bar, self._kept(lane, bar), "kept", number=number)
        cell = self._plan.commit(lane.index, bar, meter, lane.is_drum)
        if counted and is_new:
            self.bars_by_step[cell.origin] = self.bars_by_step.get(cell.origin, 0) + 1
        return cell

    def keep(self, bar: int) -> None:
        """Repeat what our lanes played in this bar."""
        self.kept_bar = bar
        self._kept_cells = {lane.index: self._plan.at(lane.index, bar) for lane in self._lanes.of("companion")}
        self._kept_notes = {lane: cell.notes() for lane, cell in self._kept_cells.items()}

    @property
    def kept(self) -> Kept:
        """What is repeated, for `restore_kept`."""
        return self.kept_bar, self._kept_notes, self._kept_cells

    def restore_kept(self, kept: Kept) -> None:
        """Repeat what was repeated before, or nothing."""
        self.kept_bar, self._kept_notes, self._kept_cells = kept

    def keep_nothing(self) -> None:
        """Stop repeating and generate again."""
        self.kept_bar = None

    def kept_cell(self, lane: int) -> PlanBar | None:
        """The bar that a lane repeats, if one is kept."""
        return self._kept_cells.get(lane) if self.kept_bar is not None else None

    def note_was_late(self, cell: PlanBar) -> None:
        """A note of a decided bar came too late to sound."""
        if self._plan.note_was_late(cell) and cell.origin == "fresh":
            self.bars_with_late_notes += 1

    def _kept(self, lane: Lane, bar: int) -> tuple[Note, ...]:
        length = self._time.timeline.meter(bar).bar_ticks(RESOLUTION)
        cell = self._kept_cells.get(lane.index)
        chosen = cell.picked if cell is not None else None
        notes = chosen.in_order() if chosen is not None else self._kept_notes.get(lane.index, ())
        return tuple(note for note in notes if note.onset_ticks < length)
