"""Chords on screen: the line above the lanes, the key beside the meter, and the editor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.session.api.snapshot import BarChords, ChordsView, Snapshot
from companion.session.api.song_commands import SetChord, SetProgression
from companion.tui.lanes.chords import chord_text
from companion.tui.lanes.draw import LanesPainter, Selection
from companion.tui.transport.draw import draw_transport
from tests.tui.scripted import ScriptedPerformance, snapshot_at
from tests.tui.test_app import running, text_of, until


def span(text: str, beat: float, beats: float, source: str, confidence: float = 1.0) -> ChordSpan:
    return ChordSpan(beat, beats, parse_chord(text) if text else None, source, confidence)  # pyright: ignore[reportArgumentType]


def with_chords(seconds: float = 9.1) -> Snapshot:
    snapshot = snapshot_at(seconds)
    now = snapshot.transport.bar
    bars = (
        BarChords(now - 1, (span("Dm7", 0, 4, "heard"),)),
        BarChords(now, (span("G7", 0, 2, "known"), span("Cmaj7", 2, 2, "known"))),
        BarChords(now + 1, (span("A7alt", 0, 4, "expected", 0.64),)),
    )
    return replace(snapshot, chords=ChordsView(bars, "Bb", "C | F"))


def test_the_chord_line_shows_each_chord_at_its_beat() -> None:
    line = LanesPainter().draw(with_chords(), Selection(), 100, 20).text().splitlines()[1]
    assert line.startswith(" chords")
    assert "Dm7" in line
    assert line.index("G7") < line.index("Cmaj7") < line.index("A7alt?64%")


def test_without_chords_there_is_no_line() -> None:
    assert "chords" not in LanesPainter().draw(snapshot_at(9.1), Selection(), 100, 20).text()


@pytest.mark.parametrize("height", [2, 5])
def test_the_key_stands_beside_the_meter(height: int) -> None:
    assert "Bb" in draw_transport(with_chords(), "", 80, height).text()


def test_an_expected_chord_loses_its_figure_before_its_mark() -> None:
    expected = span("Dm7", 0, 4, "expected", 0.6)
    assert chord_text(expected) == "Dm7?60%"
    assert chord_text(expected, 7) == "Dm7?"
    assert chord_text(span("", 0, 4, "known")) == "N.C."


async def test_a_progression_is_typed_checked_and_sent() -> None:
    performance = ScriptedPerformance(with_chords)
    async with running(performance) as (app, pilot):
        await until(pilot, lambda: "▼" in text_of(app, "lanes"))
        await pilot.press("C", *" | Xm")
        await until(pilot, lambda: "chord 'Xm'" in str(app.screen.query_one("#remark").render()))
        await pilot.press("enter")
        assert not [sent for sent in performance.sent if isinstance(sent, SetProgression)]
        await pilot.press("backspace", "backspace", "G", "7", "ctrl+l", "enter")
        await until(pilot, lambda: SetProgression("C | F | G7", False) in performance.sent)


async def test_a_chosen_bars_chords_are_overwritten() -> None:
    performance = ScriptedPerformance(with_chords)
    async with running(performance) as (app, pilot):
        await until(pilot, lambda: "▼" in text_of(app, "lanes"))
        await pilot.press("right")
        await until(pilot, lambda: app.stage.selection.bar is not None)
        bar = app.stage.selection.bar
        await pilot.press("C", *["backspace"] * 5, "F", "m", "6", "enter")
        await until(pilot, lambda: any(isinstance(sent, SetChord) and sent.bar == bar for sent in performance.sent))
