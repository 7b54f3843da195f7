"""A recorded session: messages leave together and in time, the books are kept afterwards."""

from __future__ import annotations

from companion.errors import PortError
from companion.midi.messages import NoteOn
from companion.runtime.processes.recorded_session import EngineEffect, FrontEffect, RecordedSession
from companion.runtime.recording.records import ForgottenNoteEnded, MessageSent, Record
from companion.session.api.effects import AskClock
from companion.session.api.events import MidiReceived
from companion.session.api.settings import SessionSettings, TrackSettings
from companion.session.output.scheduler import Voice

HUMAN = TrackSettings("you", "human")


class Around:
    """Notes what a recorded session sends, together with how much had been recorded by then."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.sent: list[tuple[bytes, float, int]] = []
        self.refuses: set[int] = set()  # keys

    def send_midi(self, port: str, data: bytes, due: float) -> float | None:
        self.sent.append((data, due, sum(isinstance(record, MessageSent) for record in self.records)))
        if len(data) == 3 and data[1] in self.refuses:
            raise PortError("the driver refused it")
        return due

    def ask_engine(self, effect: EngineEffect) -> None:
        pass

    def tell_front(self, notice: FrontEffect) -> None:
        pass

    def ask_clock(self, wish: AskClock) -> None:
        pass


def play(around: Around, keys: tuple[int, ...], due: float = 5.0) -> RecordedSession:
    """A recorded session whose scheduler has these keys struck at once."""
    recorded = RecordedSession(SessionSettings(tracks=(HUMAN,), thru=True), 0.0, around, around.records.append)
    around.sent.clear()
    around.records.clear()
    for key in keys:
        recorded.session.scheduler.strike(Voice(0, "", 0), key, 90, due)
    recorded.carry_out(due)
    return recorded


def test_a_chord_leaves_before_any_of_it_is_written_down() -> None:
    around = Around()
    play(around, (60, 64, 67))
    assert [(data[1], due, recorded) for data, due, recorded in around.sent] == [
        (60, 5.0, 0),
        (64, 5.0, 0),
        (67, 5.0, 0),
    ]
    assert [record.message.key for record in around.records if isinstance(record, MessageSent)] == [60, 64, 67]


def test_a_note_that_the_driver_refuses_holds_up_no_other_and_counts_as_unsent() -> None:
    around = Around()
    around.refuses = {64}
    recorded = play(around, (60, 64, 67))
    assert [record.left_seconds for record in around.records if isinstance(record, MessageSent)] == [5.0, None, 5.0]
    assert recorded.unsent == 1
    assert recorded.sounding == {("", 0, 60), ("", 0, 67)}


def test_what_still_sounds_at_the_end_is_ended_and_recorded_as_ours() -> None:
    around = Around()
    recorded = play(around, (60, 64))
    assert recorded.silence(6.0) == 2
    assert [(type(record), record.message.key) for record in around.records[-2:]] == [
        (ForgottenNoteEnded, 60),
        (ForgottenNoteEnded, 64),
    ]
    assert recorded.sounding == set()


def test_a_played_note_is_passed_on_with_the_moment_it_came() -> None:
    around = Around()
    recorded = play(around, ())
    recorded.receive(MidiReceived("in", NoteOn(0, 60, 90)), 7.0)
    assert [(data, due) for data, due, _ in around.sent] == [(bytes([0x90, 60, 90]), 7.0)]
