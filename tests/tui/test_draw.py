"""What a musician reads, as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.music import Note, TimeSignature
from companion.session.api.control_names import control_words
from companion.session.api.settings import ModelSettings, Zone
from companion.session.api.snapshot import BarPlace, BarView, CallView, GenerationView, SetListView, Snapshot
from companion.tui import palette
from companion.tui.afar.draw import draw_stage
from companion.tui.calls.draw import draw_calls, mark_of
from companion.tui.digits import big_text
from companion.tui.lanes.draw import LanesPainter, Selection, attribute_summary
from companion.tui.lanes.grid import bar_grid, lane_rows
from companion.tui.lanes.zones import zone_words
from companion.tui.practice.draw import draw_line, draw_practice, following_bar, form_rows
from companion.tui.status.draw import draw_column, draw_strip
from companion.tui.transport.draw import draw_transport
from companion.tui.transport.set_list import draw_set_list
from companion.tui.wording import action_words, bar_and_beat, bar_label, percent
from tests.tui.scripted import lanes, practice_at, snapshot_at


def transport(snapshot: Snapshot, health: str = "", height: int = 2, width: int = 80) -> str:
    return draw_transport(snapshot, health, width, height).text()


def stopped(**changes) -> Snapshot:
    snapshot = snapshot_at(0.0, generation=GenerationView("idle"))
    return replace(snapshot, transport=replace(snapshot.transport, state="stopped", **changes))


def test_the_small_transport_says_where_how_fast_and_whether_in_time() -> None:
    top, below = transport(snapshot_at(9.1)).splitlines()
    assert " 5.3 " in top
    assert "120.0 4/4" in top
    assert "▶ running" in top
    assert "83.3 % in time" in top
    assert below.startswith(" next 6:")


def test_next_tells_sure_from_unsure_and_missing() -> None:
    snapshot = snapshot_at(0.5)
    views = (BarView(1, "committed", "fresh"),), (BarView(1, "tentative", "older"),), ()
    ours = [replace(lane, bars=bars) for lane, bars in zip(snapshot.lanes[1:], views, strict=True)]
    below = transport(replace(snapshot, lanes=(snapshot.lanes[0], *ours))).splitlines()[1]
    assert "bass ● fresh " in below
    assert "drums ◐ planned" in below
    assert "piano … not written yet" in below


def test_without_a_clock_it_says_what_it_waits_for() -> None:
    assert "waiting for MIDI clock on KeyStep 37 — press space for the internal clock" in transport(stopped())
    assert "stopped — press space to start" in transport(stopped(source="internal"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "armed"}, "armed — starts with the next clock tick"),
        ({"state": "lost"}, "MIDI clock lost — going on alone at 120.0 BPM"),
        ({"counting_in": True}, "count-in"),
    ],
)
def test_every_clock_state_has_its_words(change: dict, expected: str) -> None:
    snapshot = snapshot_at(1.0)
    assert expected in transport(replace(snapshot, transport=replace(snapshot.transport, **change)))


def test_a_fault_goes_before_everything_else() -> None:
    assert transport(stopped(), "no answer from the performance for 4 s").splitlines()[1].startswith(" ! no answer")


def test_the_large_transport_shows_large_digits() -> None:
    text = transport(snapshot_at(9.1), height=5, width=160)
    assert big_text("5.3")[0].strip() in text.splitlines()[0]


def test_positions_are_counted_as_players_do() -> None:
    view = snapshot_at(0.0).transport
    six = replace(view, time_signature=TimeSignature(6, 8), beat=2.5, bar=4, song_bar=4)
    assert bar_and_beat(six) == "5.6"
    assert bar_and_beat(replace(view, bar=9, song_bar=2, beat=1.0)) == "3.2"
    assert bar_and_beat(replace(view, beat=-1.5, counting_in=True)) == "-1.3"
    looped = snapshot_at(0.0, bars=(BarPlace(20, 15, TimeSignature()), BarPlace(21, 8, TimeSignature())))
    assert [bar_label(looped, bar) for bar in (20, 21)] == ["16", "9"]
    assert control_words("cc:64@0") == "CC 64 (sustain) on channel 1"
    assert control_words("note:36@9") == "key C2 on channel 10"
    assert control_words("pc:12@0") == "program change 12 on channel 1"
    assert control_words("bend@1") == "pitch wheel on channel 2"
    assert control_words("cc14:1@0") == "CC 1 (14 bits) on channel 1"


def test_learned_actions_are_named_with_their_arguments() -> None:
    assert action_words("fill:now") == "fill now: the rest of this bar"
    assert action_words("mute:2") == "mute part 3"
    assert action_words("set_intensity:80") == "set intensity 80"
    assert action_words("toggle") == "start or stop"


def test_a_miss_is_never_rounded_up_to_all() -> None:
    assert [percent(share) for share in (1.0, 0.9999, 0.5)] == ["100 %", "99.9 %", "50.0 %"]


def test_the_lanes_show_history_plan_and_playhead() -> None:
    snapshot = snapshot_at(9.1)
    text = LanesPainter().draw(snapshot, Selection(1), 120, 18).text()
    assert "▸2 bass" in text
    assert "╱╱╱" in text
    assert "▼" in text.splitlines()[0]
    assert "◂next" in text
    assert "▘" in text
    assert "▀" in text


def test_a_locked_bar_is_marked() -> None:
    snapshot = snapshot_at(9.1)
    assert "⊠" in LanesPainter().draw(snapshot, Selection(), 120, 18).text()


def test_a_bar_whose_rest_was_written_anew_is_marked() -> None:
    snapshot = snapshot_at(20.0)
    lane = snapshot.lanes[1]
    bar = snapshot.transport.bar
    bars = tuple(replace(view, rewritten_from=2.0) if view.bar == bar else view for view in lane.bars)
    shown = replace(snapshot, lanes=(snapshot.lanes[0], replace(lane, bars=bars), *snapshot.lanes[2:]))
    assert palette.REWRITTEN_MARK not in LanesPainter().draw(snapshot, Selection(), 120, 18).text()
    assert palette.REWRITTEN_MARK in LanesPainter().draw(shown, Selection(), 120, 18).text()


def test_a_bar_says_which_take_it_plays() -> None:
    snapshot = snapshot_at(20.0)
    lane = snapshot.lanes[1]
    bars = tuple(replace(view, take=(2, 4)) if view.bar == snapshot.transport.bar else view for view in lane.bars)
    shown = replace(snapshot, lanes=(snapshot.lanes[0], replace(lane, bars=bars), *snapshot.lanes[2:]))
    assert "2/4" in LanesPainter().draw(shown, Selection(), 80, 18).text()
    assert "take 2/4" in LanesPainter().draw(shown, Selection(), 120, 18).text()
    assert "2/4" not in LanesPainter().draw(snapshot, Selection(), 120, 18).text()


def test_only_the_playhead_moves_between_two_pictures_of_a_beat() -> None:
    painter = LanesPainter()
    first, second = (painter.draw(snapshot_at(at), Selection(), 80, 18) for at in (9.01, 9.2))
    columns = {x for y in range(18) for x in range(80) if first.chars[y][x] != second.chars[y][x]}
    assert len(columns) == 2


def test_more_parts_than_rows_keep_the_chosen_one_in_sight() -> None:
    rows = lane_rows(16, 12, selected=11)
    assert any(row.index == 11 for row in rows)
    assert all(row.height >= 2 and row.y + row.height <= 12 for row in rows)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 200), st.integers(0, 60), st.floats(0, 100), st.integers(0, 4))
def test_any_size_draws(width: int, height: int, seconds: float, lane: int) -> None:
    for snapshot in (snapshot_at(seconds), practice_at(seconds)):
        pictures = (
            draw_transport(snapshot, "", width, height),
            draw_strip(snapshot, width, height),
            draw_column(snapshot, width, height),
            draw_practice(snapshot, Selection(lane), width, height),
            LanesPainter().draw(snapshot, Selection(lane), width, height),
        )
        assert all((picture.width, picture.height) == (width, height) for picture in pictures)


def test_the_current_bar_and_the_plan_are_always_on_screen() -> None:
    for width in (60, 80, 120, 160):
        for seconds in (0.0, 3.0, 60.0):
            snapshot = snapshot_at(seconds)
            grid = bar_grid(snapshot, width)
            assert grid.shows(snapshot.transport.bar)
            assert grid.shows(snapshot.transport.bar + 1)


def test_notes_beyond_the_bar_and_any_key_draw() -> None:
    odd = (Note(5000, 10, 0), Note(0, 99_999, 127), Note(100, 1, 64))
    lane = replace(lanes(0)[1], bars=(BarView(0, "committed", "fresh", odd),))
    text = LanesPainter().draw(snapshot_at(0.0, lanes=(lane,)), Selection(), 80, 12).text()
    assert "●" in text


def test_the_status_names_ladder_times_model_and_ports() -> None:
    snapshot = snapshot_at(60.0, counters={"hanging_notes": 2, "malformed": 0})
    strip = draw_strip(snapshot, 100, 3).text()
    assert "gen 183/341 ms lead 427 ms" in strip
    assert "yellow·onnx 8 bars attention" in strip
    assert "✗ lost FluidSynth" in strip
    assert "hanging notes 2" in strip
    assert "malformed" not in strip
    column = draw_column(snapshot, 38, 40).text()
    assert "p50 183 ms  p99 341 ms" in column


def test_who_writes_is_shown_while_the_engine_is_on_another_machine() -> None:
    snapshot = snapshot_at(60.0, model=ModelSettings(engine="tcp://192.168.1.20:5577"))
    assert snapshot.checkpoint is not None
    far = replace(
        snapshot, checkpoint=replace(snapshot.checkpoint, name="yellow at 192.168.1.20", place="192.168.1.20")
    )
    loading = replace(snapshot, checkpoint=None)
    for picture, stands_in in ((snapshot, True), (far, False), (loading, False), (snapshot_at(60.0), False)):
        assert ("yellow stands in for 192.168.1.20 ·onnx 8 bars" in draw_strip(picture, 80, 3).text()) == stands_in
        assert ("stands in for 192.168.1.20" in draw_column(picture, 38, 40).text()) == stands_in
        assert ("without 192.168.1.20" in draw_stage(picture, "", 45, 30)[0].text()) == stands_in


def test_news_has_room_before_counters() -> None:
    snapshot = snapshot_at(60.0, counters={"bars_asked_elsewhere": 9, "bars_taken_over": 1, "unfinished_requests": 1})
    news = "yellow_20m at 192.168.1.20 writes from here on: 192.168.1.20 is back"
    assert news in draw_strip(snapshot, 80, 3, ((news, palette.BOLD),)).text()
    assert "elsewhere" not in draw_strip(snapshot, 80, 3).text()


def test_the_practice_view_shows_form_loop_parts_and_accuracy() -> None:
    text = draw_practice(practice_at(5.0), Selection(1), 100, 20).text()
    assert "Evening changes  bar 11/32  pass 1  80 %  loop 9–16  key -2" in text
    assert "this pass" in text
    assert "missed 4 extra 1" in text
    assert "+18 ms late" in text
    assert "┣9  C" in text
    assert "▶11 Dm7 Fm6" in text
    assert "16 G7" in text
    assert "▸ 2 bass         fill" in text


def test_a_section_begins_a_line_and_the_loop_goes_round() -> None:
    practice = practice_at(0.0).practice
    assert practice is not None
    short = replace(practice, bar_count=7, sections=((0, "A"), (5, "B")))
    assert form_rows(short, 4) == [(0, 1, 2, 3), (4,), (5, 6)]
    assert following_bar(replace(practice, song_bar=15)) == 8


def test_the_song_line_puts_chords_first() -> None:
    assert draw_line(practice_at(5.0), 100).text().startswith(" Dm7 Fm6 → G7   Evening changes")


def test_without_a_song_the_practice_view_says_how_to_get_one() -> None:
    assert "companion practice SONG.mid" in draw_practice(snapshot_at(0.0), Selection(), 80, 20).text()


def test_kept_bars_are_no_misses_and_are_announced() -> None:
    generation = GenerationView("idle", bars=12, bars_fresh=9, bars_by_step={"fresh": 9, "kept": 3})
    empty = tuple(replace(lane, bars=()) for lane in lanes(0))
    text = transport(snapshot_at(1.0, generation=generation, kept_bar=0, lanes=empty))
    assert "100 % in time" in text
    assert "bass ↻ kept" in text


def test_before_it_comes_in_the_companion_says_when() -> None:
    assert "comes in after 3 more bars" in transport(snapshot_at(1.0, entry_bar=3))


def test_every_bar_is_drawn_in_its_own_meter() -> None:
    four, three = TimeSignature(4, 4), TimeSignature(3, 4)
    note = Note(720, 720, 60)  # the second half of three beats
    views = tuple(BarView(bar, "committed", "fresh", (note,)) for bar in (0, 1))
    lane = replace(lanes(0)[1], bars=views)
    places = BarPlace(0, 0, four), BarPlace(1, 1, three)
    canvas = LanesPainter().draw(snapshot_at(0.0, lanes=(lane,), bars=places), Selection(), 60, 12)
    assert " 2 3/4 ◂next" in canvas.text().splitlines()[0]
    [row] = [row for row in canvas.text().splitlines() if "▄" in row or "▀" in row]
    grid = bar_grid(snapshot_at(0.0, lanes=(lane,), bars=places), 60)
    first, second = (row[grid.bar_x(bar) + 1 : grid.bar_x(bar + 1)] for bar in (0, 1))
    share = len(first) / 8
    assert abs(len(first) - len(first.lstrip(" ┃·")) - 3 * share) < 1.5
    assert abs(len(second) - len(second.lstrip(" ·")) - 4 * share) < 1.5


def test_controls_are_named_as_musicians_do() -> None:
    assert attribute_summary({"max_polyphony": 0}) == "≤1 voice"
    assert attribute_summary({"min_polyphony": 1, "max_polyphony": 3, "max_note_duration": 2}) == "2–4 voices ≤1/8"


def test_what_comes_next_fits_the_line() -> None:
    snapshot = snapshot_at(9.1)
    many = tuple(replace(snapshot.lanes[1], index=number, name=f"electric piano {number}") for number in range(5))
    below = transport(replace(snapshot, lanes=many)).splitlines()[1]
    assert len(below) <= 80
    assert below.count("electr") == 5


def test_a_new_notice_goes_before_counters_and_an_old_one_after_them() -> None:
    snapshot = snapshot_at(60.0, counters={"malformed": 3})
    text = "engine lost: the engine process died; another one is being started at once, please wait"
    new = draw_strip(snapshot, 80, 3, ((text, palette.BAD),)).text().splitlines()[2]
    old = draw_strip(snapshot, 80, 3, ((text, palette.DIM),)).text().splitlines()[2]
    assert new.startswith("engine lost: the engine process died; another one is being started")
    assert old.startswith("malformed 3  engine lost")


def test_practice_says_what_is_compared_before_the_first_note() -> None:
    snapshot = practice_at(5.0)
    assert snapshot.practice is not None
    fresh = replace(snapshot.practice, accuracy=None, live_accuracy=None)

    def second_line(**changes) -> str:
        shown = replace(snapshot, practice=replace(fresh, **changes))
        return draw_practice(shown, Selection(), 100, 20).text().splitlines()[1]

    assert "compared with melody" in second_line(judged_part="melody")
    assert "a chart has no written part" in second_line()


def test_calls_are_on_one_row_and_marked_in_their_bars() -> None:
    waiting = CallView("break", 6, 24.0, 6)
    snapshot = snapshot_at(9.1, calls=(waiting, CallView("drums only", 4, 16.0, None)))
    row = draw_calls(snapshot, 160, 1)[0].text()
    assert "F4 break at 7" in row
    assert "F8 drums only on" in row
    assert "F2 fill" in row
    assert "intensity 50" in row
    assert [mark_of(snapshot, bar) for bar in (3, 4, 5, 6, 7)] == ["", "⚑drums only", "", "⚑break", ""]
    lanes = LanesPainter().draw(snapshot, Selection(), 160, 40).text()
    assert "⚑break" in lanes


def test_zones_stand_beside_the_part_that_they_play() -> None:
    zones = (
        Zone("low", 0, 47, track=0, transpose=-12),
        Zone("hard", 60, 127, velocity_low=90),
        Zone("pads", channel=9, controls=True),
    )
    picture = replace(snapshot_at(0.0), zones=zones)
    assert zone_words(picture, picture.lanes[0]) == "C-1–B2 -12, C4–G9 vel 90–127, controls from ch10"
    assert zone_words(picture, picture.lanes[1]) == ""
    still = replace(picture, lanes=tuple(replace(lane, sounding=()) for lane in picture.lanes))
    assert "C-1–B2 -12" in LanesPainter().draw(still, Selection(), 120, 40).text()


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_row_of_the_set_list_fits(width):
    entry = SetListView(
        1, 12, "A very long title of a song in F", ("soft at first", "then louder and louder"), "So What"
    )
    shown = draw_set_list(replace(snapshot_at(9.1), set_list=entry), width, 1).text()
    assert shown.startswith(" 2/12 A very long")
    assert "next: So What" in shown or width == 40
    assert len(shown.rstrip("\n")) <= width
    assert draw_set_list(snapshot_at(9.1), width, 1).text().strip() == ""
