"""The zones of the keyboard on the screen: what each key changes, and that no step on the way is refused by the session."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.session.api.commands import command
from companion.session.api.settings import ChordZone, Zone
from companion.session.input.zone_faults import check_key_zones
from companion.tui.controls.zones import FIELDS, changed, draw_zones, edits, fault, in_order, new_zone, own_parts
from companion.tui.controls.zones_screen import NONE_FREE, ZonesScreen
from tests.tui.scripted import ScriptedPerformance, snapshot_at
from tests.tui.test_app import running, until

LEFT, RIGHT = Zone("left", high=59), Zone("right", low=60)


def test_a_first_zone_is_the_left_hand_and_the_next_ones_take_what_is_free() -> None:
    first = new_zone([])
    assert first == Zone("zone 1", 0, 59)
    assert new_zone([first]) == Zone("zone 2", 60, 127)
    assert new_zone([RIGHT]) == Zone("zone 1", 0, 59)
    assert new_zone([LEFT, RIGHT]) is None
    assert new_zone([replace(LEFT, low=10), RIGHT]) == Zone("zone 1", 0, 9)


@pytest.mark.parametrize("by", [3, -3])
def test_a_split_point_moves_both_zones_from_either_side(by: int) -> None:
    zones = [LEFT, RIGHT]
    moved = {replace(LEFT, high=59 + by), replace(RIGHT, low=60 + by)}
    assert set(edits(zones, LEFT, replace(LEFT, high=59 + by))) == moved
    assert set(edits(zones, RIGHT, replace(RIGHT, low=60 + by))) == moved


def test_zones_with_room_between_them_or_of_other_channels_stay() -> None:
    apart, elsewhere = Zone("right", low=72), replace(RIGHT, channel=9)
    for other in (apart, elsewhere):
        wanted = replace(LEFT, high=62)
        assert edits([LEFT, other], LEFT, wanted) == [wanted]


def test_every_field_stays_within_its_limits() -> None:
    zone = Zone("one", 0, 127)
    for field in FIELDS:
        for steps in (1, -1):
            for _ in range(200):
                zone = changed(zone, field, steps, [0, 3], far=True)
                check_key_zones([zone])
                command("set_zone", name="one", transpose=zone.transpose, channel=zone.channel)


def test_controls_play_no_part() -> None:
    playing = changed(Zone("pads"), "track", 1, [0, 3])
    assert playing.track == 0
    pads = changed(playing, "controls", 1, [0, 3])
    assert (pads.controls, pads.track) == (True, None)
    assert not changed(pads, "track", 1, [0, 3]).controls


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(FIELDS), st.sampled_from((-1, 1)), st.booleans()), max_size=60
    )
)
def test_no_step_of_any_change_is_refused(keys: list[tuple[int, str, int, bool]]) -> None:
    middle, loud = Zone("middle", low=48, high=59), Zone("loud", low=60, velocity_low=100)
    soft = Zone("soft", low=60, velocity_high=99)
    snapshot = snapshot_at(1.0, zones=(replace(LEFT, high=47), middle, loud, soft))
    for place, field, steps, far in keys:
        zone = in_order(snapshot.zones)[place % len(snapshot.zones)]
        changes = edits(snapshot.zones, zone, changed(zone, field, steps, [0], far=far))
        if fault(snapshot, changes):
            continue
        for each in changes:
            zones = (*(other for other in snapshot.zones if other.name != each.name), each)
            check_key_zones(zones)
            snapshot = replace(snapshot, zones=zones)


def test_why_a_change_is_not_made_is_said() -> None:
    gap = Zone("right", low=62)
    snapshot = snapshot_at(1.0, zones=(LEFT, gap))
    assert "zones right and left overlap in keys 62-63" in fault(snapshot, [replace(LEFT, high=63)])
    chords = replace(snapshot.chords, zones=(ChordZone(0, 50),))
    assert "chord zone" in fault(replace(snapshot, chords=chords), [LEFT])


def test_the_table_shows_every_field_at_80_columns() -> None:
    zone = replace(LEFT, transpose=-12, channel=4, velocity_high=90, thru=False, track=0)
    snapshot = snapshot_at(1.0, zones=(zone, Zone("pads", low=60, controls=True)))
    text = draw_zones(snapshot, "left", "high", "", 80, 11).text()
    name = own_parts(snapshot)[0].name
    rows = [line.split() for line in text.split("\n")]
    assert ["left", "C-1", "B3", *name.split(), "-12", "5", "1", "90", "no", "no"] in rows
    assert ["pads", "C4", "G9", "–", "0", "any", "1", "127", "as", "h", "yes"] in rows
    assert "D remove" in text


async def test_a_keyboard_is_split_with_a_few_keys() -> None:
    """The performance does what it is told; the screen sends what a player means."""
    zones: dict[str, Zone] = {}

    def picture(seconds: float):
        for sent in performance.sent:
            if sent.command_name == "set_zone":
                zones[sent.name] = sent.zone
            elif sent.command_name == "remove_zone":
                zones.pop(sent.name, None)
        return snapshot_at(9.1, now_seconds=seconds, zones=tuple(zones.values()))

    performance = ScriptedPerformance(picture)
    async with running(performance) as (app, pilot):
        await pilot.press("Z")
        await until(pilot, lambda: isinstance(app.screen, ZonesScreen))
        await pilot.press("n")
        await until(pilot, lambda: set(zones) == {"zone 1"})
        await pilot.press("n")
        await until(pilot, lambda: set(zones) == {"zone 1", "zone 2"})
        await pilot.press("n")
        await until(pilot, lambda: NONE_FREE in app.screen.query_one("#zones").canvas.text())
        await pilot.press("plus")
        await until(pilot, lambda: (zones["zone 1"].high, zones["zone 2"].low) == (60, 61))
        await pilot.press("right", "right", "right", "less_than_sign")
        await until(pilot, lambda: zones["zone 2"].transpose == -12)
        await pilot.press("D")
        await until(pilot, lambda: set(zones) == {"zone 1"})
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ZonesScreen))
