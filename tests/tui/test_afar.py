"""The stage view: what it says, that it can be read from afar, and that its buttons are where they seem to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.music import TimeSignature
from companion.session.api.commands import command
from companion.session.api.snapshot import BarChords, BarView, CallView, ChordsView, Snapshot
from companion.tui.afar import facts
from companion.tui.afar.coming import coming_chords
from companion.tui.afar.draw import draw_stage
from companion.tui.afar.glyphs import GLYPHS, POINTS_HIGH, Scale, draw_text, largest, points_wide
from companion.tui.calls.buttons import buttons, tapped
from tests.tui.scripted import practice_at, snapshot_at
from tests.tui.test_app import running, still, text_of, until

SIZES = ((80, 23), (160, 49), (45, 29), (45, 40), (100, 24), (132, 30))  # without the line of hints
NOW = 9.1  # bar 5, beat 3 of 4


def chords(*bars: tuple[int, str], **more: object) -> ChordsView:
    """Chords of session bars; those of a bar share its four beats."""
    made = []
    for bar, symbols in bars:
        length = 4 / len(symbols.split())
        spans = [ChordSpan(at * length, length, parse_chord(name)) for at, name in enumerate(symbols.split())]
        made.append(BarChords(bar, tuple(spans)))
    return ChordsView(tuple(made), **more)


def jamming(*bars: tuple[int, str], **more: object) -> Snapshot:
    return snapshot_at(NOW, chords=chords(*bars, **more))


# --- letters -----------------------------------------------------------------------------------------------------------


def test_every_picture_is_five_points_high_and_even() -> None:
    for letter, rows in GLYPHS.items():
        assert len(rows) == POINTS_HIGH, letter
        assert len({len(row) for row in rows}) == 1, letter
    pictures = list(GLYPHS.values())
    alike = {letter for letter, picture in GLYPHS.items() if pictures.count(picture) > 1}
    assert alike <= {"-", "–"}, "no two letters look the same"


def test_letters_are_drawn_to_scale() -> None:
    assert draw_text("F", Scale(2, 2)) == ("███", "█  ", "██ ", "█  ", "█  ")
    assert draw_text("1", Scale(4, 2)) == ("  ██  ", "████  ", "  ██  ", "  ██  ", "██████")
    assert draw_text("L", Scale(1, 1)) == ("▌ ", "▌ ", "▀▘")


@pytest.mark.parametrize("text", ["F#m7b5/C", "12.3", "BRIDGE in 8", "C°Δ♭", "日"])
@pytest.mark.parametrize("columns", [20, 45, 78, 158])
def test_what_fits_is_as_large_as_it_is_said_to_be(text: str, columns: int) -> None:
    scale = largest(points_wide(text), columns, 5)
    assert scale is not None
    rows = draw_text(text, scale)
    assert len(rows) == scale.rows <= 5
    assert {len(row) for row in rows} == {scale.columns(points_wide(text))}
    assert len(rows[0]) <= columns


def test_a_long_chord_becomes_narrow_before_it_becomes_small() -> None:
    assert largest(points_wide("F#m7b5/C"), 78, 5) == Scale(4, 2)
    assert largest(points_wide("F#m7b5/C"), 40, 5) == Scale(2, 2)
    assert largest(points_wide("F#m7b5/C"), 30, 5) == Scale(1, 1)
    assert largest(points_wide("F#m7b5/C"), 10, 5) is None


# --- what is said ------------------------------------------------------------------------------------------------------


def test_a_songs_place_is_the_bar_of_its_section_and_the_chorus() -> None:
    fact = facts.place(practice_at(NOW))
    assert fact.texts == ("A 5.3", "5.3")
    assert fact.words == "A · bar 5 of 8 · chorus 1 · bar 13 of 32"


def test_a_progressions_place_is_the_bar_of_the_chorus() -> None:
    twelve = jamming(progression_bars=3, progression_start=1)
    fact = facts.place(twelve)
    assert fact.texts == ("1.3",), "bar 5 is the fourth of three bars"
    assert fact.words == "bar 1 of 3 · chorus 2 · bar 5"
    assert facts.next_section(twelve).texts[0] == "TOP in 3"


def test_a_progression_that_is_played_once_ends() -> None:
    once = jamming(progression_bars=8, loop=False)
    assert facts.next_section(once).texts[0] == "END in 4"
    over = jamming(progression_bars=2, loop=False)
    assert facts.next_section(over) == facts.UNSAID
    assert facts.place(over).texts == ("5.3",)


def test_jamming_freely_has_bar_and_beat_and_counting_in_has_its_own() -> None:
    assert facts.place(snapshot_at(NOW)).texts == ("5.3",)
    transport = replace(snapshot_at(NOW).transport, beat=-5.5, counting_in=True, song_bar=0)
    assert facts.place(snapshot_at(NOW, transport=transport)).texts == ("-2.3",)


@pytest.mark.parametrize(
    ("song_bar", "loop", "said"),
    [
        (12, (8, 16), ("A in 4", "A again in 4 bars")),
        (12, None, ("B in 4", "B in 4 bars")),
        (23, None, ("A in 1", "A in 1 bar")),
        (31, None, ("END in 1", "the end in 1 bar")),
    ],
)
def test_the_next_section_is_named_with_the_bars_until_then(song_bar: int, loop: tuple, said: tuple) -> None:
    picture = practice_at(NOW)
    assert picture.practice is not None
    fact = facts.next_section(replace(picture, practice=replace(picture.practice, song_bar=song_bar, loop=loop)))
    assert (fact.texts[0], fact.words) == said


def test_the_chord_of_now_and_the_next_other_one() -> None:
    picture = jamming((3, "C"), (4, "Dm7 G7"), (5, "G7"), (6, "Cmaj7"))
    assert facts.chord_now(picture).texts == ("G7",)
    assert facts.chord_next(picture).texts == ("Cmaj7",)
    assert facts.chord_next(picture).words == "next, in 6 beats"


def test_chords_beyond_the_screen_come_from_the_song() -> None:
    picture = replace(practice_at(NOW), chords=chords((4, "C"), (5, "C")))
    assert [symbol for _, symbol in coming_chords(picture)][:3] == ["C", "C", "Dm7"]


def test_a_chord_that_is_not_known_now_is_no_later_one() -> None:
    assert facts.chord_now(jamming((5, "G7"))).texts == (facts.NOTHING,)
    assert not facts.chord_next(jamming((5, "G7"))).shown


@pytest.mark.parametrize(
    ("origins", "light"),
    [
        (("fresh", "kept"), "✓"),
        (("fresh", "variation"), "~"),
        (("older", "rest"), "✗"),
        (("", ""), facts.NOTHING),
    ],
)
def test_the_light_is_the_worst_of_our_parts_in_this_bar(origins: tuple[str, str], light: str) -> None:
    picture = snapshot_at(NOW)
    player, *ours = picture.lanes[:3]
    views = [(BarView(3, "played", "rest"), BarView(4, "committed", origin)) for origin in origins]  # type: ignore[arg-type]
    lanes = (player, *(replace(lane, bars=bars) for lane, bars in zip(ours, views, strict=True)))
    assert facts.in_time(replace(picture, lanes=lanes)).texts == (light,)
    silent = tuple(replace(lane, muted=True) for lane in lanes)
    assert facts.in_time(replace(picture, lanes=silent)).texts == (facts.NOTHING,), "what is not heard is not late"


def test_the_call_that_comes_first_is_shown_and_the_others_are_counted() -> None:
    waits, goes = CallView("break", 6, 24.0, 6), CallView("drums only", 4, 16.0, None)
    fact = facts.calls(snapshot_at(NOW, calls=(goes, waits)))
    assert fact.texts[0] == "BREAK"
    assert fact.words == "⚑ break: at bar 7 · 1 more"
    assert facts.calls(snapshot_at(NOW, calls=(goes,))).words == "⚑ drums only: on until you call it again"
    assert not facts.calls(snapshot_at(NOW)).shown


# --- the picture -------------------------------------------------------------------------------------------------------


def drawn_rows(text: str, picture: str) -> bool:
    """Whether a text stands in the picture at any scale of five rows or more."""
    lines = picture.split("\n")
    for height in range(2, 7):
        for width in range(height, 2 * height + 1):
            wanted = [row.rstrip() for row in draw_text(text, Scale(width, height))]
            for top in range(len(lines) - len(wanted) + 1):
                at = lines[top].find(wanted[0]) if wanted[0] else -1
                while at >= 0:
                    if all(lines[top + row][at:].startswith(part) for row, part in enumerate(wanted)):
                        return True
                    at = lines[top].find(wanted[0], at + 1)
    return False


@pytest.mark.parametrize("size", SIZES)
def test_place_tempo_chord_and_call_are_five_rows_high(size: tuple[int, int]) -> None:
    calls = (CallView("break", 6, 24.0, 6),)
    picture = replace(practice_at(NOW), chords=chords((4, "F#m7b5/C")), calls=calls)
    text = draw_stage(picture, "", *size)[0].text()
    assert drawn_rows("A 5.3", text)
    assert drawn_rows("120", text)
    assert drawn_rows("F#m7b5/C", text)
    assert drawn_rows("✗", text), "the light has a shape of its own"
    assert drawn_rows("BREAK", text) or size[0] < 60


def test_a_low_band_still_names_the_section() -> None:
    text = draw_stage(practice_at(NOW), "", 45, 29)[0].text()
    at = text.split("\n").index(" A again in 4 bars")
    rows = text.split("\n")[at - 3 : at]
    scale = largest(points_wide("A in 4"), 43, 3)
    assert scale is not None
    assert [row.strip() for row in rows] == [row.strip() for row in draw_text("A in 4", scale)]


def test_two_long_chords_leave_the_present_one_large() -> None:
    text = draw_stage(jamming((4, "F#m7b5/C"), (5, "C#maj7#11/G#")), "", 80, 23)[0].text()
    assert drawn_rows("F#m7b5/C", text)
    assert "▗▀▗▙▙▗▖▖" in text, "the next one is small, and all there"


@pytest.mark.parametrize("size", [(80, 23), (160, 49), (45, 29), (40, 11), (20, 6), (5, 2), (1, 1)])
def test_nothing_is_written_outside_at_any_size(size: tuple[int, int]) -> None:
    busy = tuple(CallView(kind, 6, 24.0, 6) for kind in ("break", "double time", "drums only"))
    for picture in (practice_at(NOW), jamming((4, "F#m7b5/C")), snapshot_at(NOW, calls=busy), None):
        canvas, taps = draw_stage(picture, "", *size)
        assert len(canvas.chars) == size[1]
        assert all(tap.area.x >= 0 and tap.area.x + tap.area.width <= size[0] for tap in taps)


def test_small_words_do_not_run_into_each_other() -> None:
    busy = (CallView("double time", 6, 24.0, 6), CallView("drums only", 4, 16.0, None))
    picture = replace(practice_at(NOW), calls=busy)
    for size in SIZES:
        text = draw_stage(picture, "", *size)[0].text()
        assert "120.0 BPM 4/4" in text
        assert "late: a rest" in text
        assert "⚑ double time: at bar" in text


def test_what_must_be_known_first_stands_at_the_top() -> None:
    first = draw_stage(snapshot_at(NOW), "the performance has ended", 80, 23)[0].text().split("\n")[0]
    assert "the performance has ended" in first


def test_uncommon_meters_have_a_block_for_each_beat() -> None:
    transport = replace(snapshot_at(NOW).transport, time_signature=TimeSignature(7, 8), beat=1.6)
    beats = draw_stage(snapshot_at(NOW, transport=transport), "", 80, 23)[0].text().split("\n")[19].split()
    assert [beat[0] for beat in beats] == ["▁", "▁", "▁", "█", "▁", "▁", "▁"]


# --- buttons -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_every_button_is_where_it_is_drawn(size: tuple[int, int]) -> None:
    canvas, taps = draw_stage(snapshot_at(NOW), "", *size)
    assert len(taps) == len(buttons(*size))
    for button, tap in zip(buttons(*size), taps, strict=True):
        area = tap.area
        inside = ["".join(canvas.chars[y][area.x : area.x + area.width]) for y in range(area.y, area.y + area.height)]
        assert any(button.word in line for line in inside), "its whole word is on it"
        assert area.height >= 2, "a finger hits it"
        assert tapped(taps, area.x, area.y) == tapped(taps, area.x + area.width - 1, area.y) == button.action
    assert tapped(taps, 0, 0) == ""


def test_a_phone_held_upright_has_all_buttons_for_a_thumb() -> None:
    words = [button.word for button in buttons(45, 40)]
    assert {"PANIC", "take back", "play/stop"} < set(words)
    assert all(tap.area.width >= 10 and tap.area.height >= 3 for tap in draw_stage(snapshot_at(NOW), "", 45, 40)[1])


async def test_enter_opens_the_stage_view_and_closes_it() -> None:
    async with running(still()) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "bar and beat" in text_of(app, "afar"))
        assert not app.stage.query_one("#near").display
        assert "enter all lanes" in text_of(app, "hints")
        await pilot.press("enter")
        await until(pilot, lambda: app.stage.query_one("#near").display)


async def test_a_button_is_pressed_with_the_mouse() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "PANIC" in text_of(app, "afar"))
        await pilot.click("#afar", offset=(2, 21))
        await until(pilot, lambda: performance.sent == [command("panic")])
        await pilot.click("#afar", offset=(20, 20))
        await until(pilot, lambda: performance.sent[1:] == [command("break")])


async def test_the_row_of_calls_is_pressed_with_the_mouse_in_the_other_views() -> None:
    performance = still()
    async with running(performance) as (app, pilot):
        row = text_of(app, "calls")
        await pilot.click("#calls", offset=(row.index("break"), 0))
        await until(pilot, lambda: performance.sent == [command("break")])
        await pilot.click("#calls", offset=(row.index("panic"), 0))
        await until(pilot, lambda: performance.sent[1:] == [command("panic")])


async def test_the_stage_view_draws_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    calls = (CallView("drums only", 4, 16.0, None),)
    async with running(still(calls=calls)) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "▏on" in text_of(app, "afar"))
