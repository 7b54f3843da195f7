"""The transport's table: nothing else can happen, and the page made from it is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.session.transport.diagram import mermaid, page
from companion.session.transport.states import TRANSITIONS, Happening, State, TransportState

ROOT = Path(__file__).resolve().parents[2]


def after(*happenings: Happening) -> TransportState:
    transport = TransportState()
    for what in happenings:
        transport.happened(what)
    return transport


def test_the_page_is_made_from_the_tables() -> None:
    assert (ROOT / "docs" / "transport-states.md").read_text(encoding="utf-8") == page()


def test_every_state_can_be_reached_and_left() -> None:
    reached, left = set(TRANSITIONS.values()), {state for state, _ in TRANSITIONS}
    assert reached == left == set(State)


def test_a_count_in_ends_with_the_first_bar_line() -> None:
    transport = after(Happening.COUNT_IN)
    assert transport.running
    assert transport.counting_in
    transport.happened(Happening.BAR_LINE)
    assert transport.state is State.PLAYING


def test_a_lost_clock_is_not_a_stop() -> None:
    assert after(Happening.PLAY, Happening.LOSE_CLOCK).state is State.LOST
    assert after(Happening.PLAY, Happening.STOP).state is State.RESTING
    assert after(Happening.PLAY, Happening.STOP, Happening.REWIND).state is State.FRESH


@pytest.mark.parametrize("what", [Happening.STOP, Happening.BAR_LINE, Happening.LOSE_CLOCK])
def test_what_is_not_in_the_table_cannot_happen(what: Happening) -> None:
    transport = TransportState()
    with pytest.raises(ValueError, match="cannot happen while fresh"):
        transport.happened(what)
    assert transport.state is State.FRESH


def test_events_between_the_same_two_states_share_an_arrow() -> None:
    drawn = mermaid({("off", "push"): "on", ("off", "pull"): "on", ("on", "push"): "off"}, "off")
    assert drawn.splitlines()[-4:-1] == ["    [*] --> off", "    off --> on: push, pull", "    on --> off: push"]
