"""Where bars and lanes lie on the canvas. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from companion.session.api.snapshot import LaneView, Snapshot

MIN_BAR_WIDTH = 17  # a bar line and sixteen sixteenths
MAX_BARS = 8  # a snapshot holds no more
NARROW_LABEL, WIDE_LABEL = 12, 20
WIDE_FROM = 100
RULER_ROWS = 1
MIN_LANE_ROWS, MAX_LANE_ROWS = 2, 12


@dataclass(frozen=True, slots=True)
class BarGrid:
    """Bars `first`..`first + count - 1`, each `bar_width` columns (bar line included), after a label of `label` columns."""

    first: int
    count: int
    bar_width: int
    label: int

    @property
    def content(self) -> int:
        """Columns a bar has for its notes."""
        return self.bar_width - 1

    def bar_x(self, bar: int) -> int:
        """The column of a bar's line."""
        return self.label + (bar - self.first) * self.bar_width

    def shows(self, bar: int) -> bool:
        """True if the bar is on screen."""
        return self.first <= bar < self.first + self.count

    def column(self, bar: int, beat: float, bar_beats: float) -> int | None:
        """The column of a position, or None when it is off screen."""
        if not self.shows(bar) or bar_beats <= 0:
            return None
        inside = min(max(int(beat / bar_beats * self.content), 0), self.content - 1)
        return self.bar_x(bar) + 1 + inside

    def bar_at(self, x: int) -> int | None:
        """The bar under a column."""
        if x < self.label:
            return None
        bar = self.first + (x - self.label) // self.bar_width
        return bar if self.shows(bar) else None


@dataclass(frozen=True, slots=True)
class LaneRows:
    """Lane `index` occupies `height` rows from row `y`."""

    index: int
    y: int
    height: int


def bar_grid(snapshot: Snapshot, width: int) -> BarGrid:
    """Room for a few bars of history, the current one, and every bar that is already planned."""
    label = WIDE_LABEL if width >= WIDE_FROM else NARROW_LABEL
    now = snapshot.transport.bar
    known = [bar.bar for lane in snapshot.lanes for bar in lane.bars]
    count = min(max((width - label) // MIN_BAR_WIDTH, 1), MAX_BARS)
    ahead = min(max(max(known, default=now) - now, 1), max((count - 1) // 2, 1), count - 1)
    first = max(now + ahead - count + 1, min(now, 0))
    return BarGrid(first, count, max((width - label) // count, 2), label)


def lane_rows(count: int, height: int, selected: int, top: int = RULER_ROWS) -> list[LaneRows]:
    """Rows for as many of `count` lanes as fit from row `top` on, the selected one always among them."""
    room = height - top
    if count <= 0 or room < MIN_LANE_ROWS:
        return []
    visible = min(count, room // MIN_LANE_ROWS)
    first = min(max(selected - visible // 2, 0), count - visible)
    each, spare = divmod(room, visible)
    rows, y = [], top
    for place in range(visible):
        height_here = min(each + (place < spare), MAX_LANE_ROWS)
        rows.append(LaneRows(first + place, y, height_here))
        y += height_here
    return rows


def lane_at(rows: Sequence[LaneRows], y: int) -> int | None:
    """The lane under a row."""
    return next((row.index for row in rows if row.y <= y < row.y + row.height), None)


def next_bar(lane: LaneView, now: int) -> int | None:
    """The first bar of a lane after `now` that is planned, or None."""
    return min((bar.bar for bar in lane.bars if bar.bar > now), default=None)
