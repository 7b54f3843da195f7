"""A session that follows a clock shared with other programs: it hears that clock alone, and asks it instead of obeying itself."""

from __future__ import annotations

import pytest

from companion.midi.messages import ClockStart, ClockTick, Message, NoteOn
from companion.session.api.commands import Command
from companion.session.api.effects import AskClock, Notice, SendMidi
from companion.session.api.events import MidiReceived
from companion.session.api.settings import ClockSettings, ClockSource, SessionSettings, TrackSettings
from companion.session.api.transport_commands import Continue, Seek, SetClockSource, SetTempo, Start, Stop, Toggle
from companion.session.session import Session

LINK = "Ableton Link"


def session_on(source: ClockSource) -> Session:
    return Session(
        SessionSettings(
            tracks=(TrackSettings("you", "human"), TrackSettings("bass", "companion", channel=1)),
            clock=ClockSettings(source, 120.0, click=True),
        ),
        0.0,
        seed=1,
    )


def asked(session: Session, wish: Command, now: float = 0.1) -> list[AskClock]:
    session.receive(wish, now)
    return [effect for effect in session.effects() if isinstance(effect, AskClock)]


def run(session: Session, port: str, beats: int, start: float = 1.0) -> list[float]:
    """Feed ticks at 120 BPM, and return when clicks were sent."""
    messages: list[tuple[float, Message]] = [(start, ClockStart())]
    messages += [(start + index / 48, ClockTick()) for index in range(24 * beats + 1)]
    clicks = []
    for now, message in messages:
        session.receive(MidiReceived(port, message), now)
        clicks += [
            effect.due_seconds
            for effect in session.effects()
            if isinstance(effect, SendMidi) and isinstance(effect.message, NoteOn)
        ]
    return clicks


@pytest.mark.parametrize(
    ("wish", "effect"),
    [
        (Start(), AskClock("start")),
        (Continue(), AskClock("start")),
        (Toggle(), AskClock("start")),
        (Stop(), AskClock("stop")),
        (SetTempo(96.0), AskClock("tempo", 96.0)),
        (Seek(4), AskClock("locate", 16.0)),
    ],
)
@pytest.mark.parametrize("source", ["link", "jack"])
def test_the_players_wishes_go_to_everybody(source: ClockSource, wish: Command, effect: AskClock) -> None:
    session = session_on(source)
    assert asked(session, wish) == [effect]
    assert not session.running


def test_a_running_shared_clock_is_asked_to_stop_by_the_toggle() -> None:
    session = session_on("link")
    run(session, LINK, 2)
    assert session.running
    assert asked(session, Toggle(), 2.1) == [AskClock("stop")]
    assert session.running  # until the clock has stopped


def test_the_session_plays_on_the_shared_ticks() -> None:
    clicks = run(session_on("link"), LINK, 4)
    assert clicks[:4] == pytest.approx([1.0, 1.5, 2.0, 2.5], abs=0.001)


def test_a_midi_clock_does_not_disturb_a_shared_one() -> None:
    session = session_on("link")
    run(session, "drum machine", 4)
    assert not session.running


def test_a_shared_clock_that_is_no_longer_followed_is_not_asked() -> None:
    session = session_on("link")
    assert session.clock_source == ("link", 120.0, 4.0)
    session.receive(SetClockSource("internal"), 0.1)
    assert session.clock_source == ("internal", 120.0, 4.0)
    assert asked(session, Start(), 0.2) == []
    assert session.running


@pytest.mark.parametrize("source", ["external", "internal"])
def test_other_clocks_are_never_asked(source: ClockSource) -> None:
    session = session_on(source)
    for wish in (Start(), Stop(), SetTempo(90.0), Seek(2)):
        session.receive(wish, 0.1)
    effects = session.effects()
    assert not [effect for effect in effects if isinstance(effect, AskClock)]
    refused = [effect for effect in effects if isinstance(effect, Notice) and "MIDI clock decides" in effect.text]
    assert len(refused) == (4 if source == "external" else 0)
