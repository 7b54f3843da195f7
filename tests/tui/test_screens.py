"""Pictures of the screen, compared with kept ones: views that must not change unnoticed.

A change that is meant: `python -m pytest tests/tui/test_screens.py --snapshot-update`, look at the pictures, and commit them.
The versions of textual and rich are fixed in the test extra, because both draw these pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import parse_chord
from companion.session.api.snapshot import BarChords, CallView, ChordsView, Snapshot
from companion.tui.app import CompanionApp
from companion.tui.pane import CanvasPane
from tests.tui.scripted import ScriptedPerformance, practice_at, snapshot_at

SMALL, LARGE = (80, 24), (160, 50)
NOW = 9.1


def app_of(picture: Snapshot) -> CompanionApp:
    """The application with a performance that stands still, but answers."""
    return CompanionApp(lambda: ScriptedPerformance(lambda seconds: replace(picture, now_seconds=seconds)))


def after(*keys: str) -> Callable[[Pilot], object]:
    """Wait for the first picture, then press keys."""

    async def before(pilot: Pilot) -> None:
        while pilot.app.picture is None:
            await pilot.pause(0.02)
        await pilot.press(*keys)
        pilot.app.say("")
        while not all(pane.canvas for pane in pilot.app.stage.query(CanvasPane) if pane.region.area):
            await pilot.pause(0.02)
        await pilot.pause(0.3)

    return before


@pytest.fixture(autouse=True)
def in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of an ordinary terminal."""
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_jamming(snap_compare) -> None:
    calls = (CallView("break", 6, 24.0, 6), CallView("drums only", 4, 16.0, None))
    assert snap_compare(app_of(snapshot_at(NOW, calls=calls)), terminal_size=LARGE, run_before=after())


def test_practising(snap_compare) -> None:
    assert snap_compare(app_of(practice_at(NOW)), terminal_size=LARGE, run_before=after())


def test_the_dials(snap_compare) -> None:
    assert snap_compare(app_of(snapshot_at(NOW)), terminal_size=(100, 30), run_before=after("down", "down", "a"))


def test_help(snap_compare) -> None:
    assert snap_compare(app_of(snapshot_at(NOW)), terminal_size=(100, 40), run_before=after("question_mark"))


def test_the_smallest_terminal(snap_compare) -> None:
    assert snap_compare(app_of(snapshot_at(NOW)), terminal_size=SMALL, run_before=after())


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_stage_view(snap_compare, size: tuple[int, int]) -> None:
    calls = (CallView("break", 6, 24.0, 6), CallView("drums only", 4, 16.0, None))
    picture = replace(practice_at(NOW), calls=calls)
    assert snap_compare(app_of(picture), terminal_size=size, run_before=after("enter"))


def test_the_stage_view_on_a_phone(snap_compare) -> None:
    spans = (ChordSpan(0.0, 4.0, parse_chord("F#m7b5/C")), ChordSpan(0.0, 4.0, parse_chord("B7")))
    bars = tuple(BarChords(bar, (span,)) for bar, span in zip((4, 5), spans, strict=True))
    picture = snapshot_at(NOW, chords=ChordsView(bars, "Em", "F#m7b5/C | B7", True, (), 2, 0))
    assert snap_compare(app_of(picture), terminal_size=(45, 30), run_before=after("enter"))
