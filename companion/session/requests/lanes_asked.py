"""Which lanes a request is for. They take turns where not all can be served."""

from __future__ import annotations

from companion.session.lanes import Lane, Lanes
from companion.session.output.decisions import Decisions
from companion.session.output.plan import Plan


def lanes_to_ask(lanes: Lanes, decisions: Decisions, plan: Plan, bar: int, limit: int | None) -> tuple[int, ...]:
    """The lanes that play in a bar that is not decided. limit: how many can be served; those that have waited longest come first."""
    wanted: list[Lane] = []
    for lane in lanes.of("companion"):
        cell = plan.get(lane.index, bar)
        if decisions.plays_in(lane, bar) and not (cell and (cell.fixed or cell.committed)):
            wanted.append(lane)
    if limit is not None and len(wanted) > limit:
        wanted.sort(key=lambda lane: (plan.last_fresh(lane.index, bar), lane.index))
        wanted = wanted[:limit]
    return tuple(sorted(lane.index for lane in wanted))
