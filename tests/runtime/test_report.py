"""Numbers read off a log."""

from __future__ import annotations

from companion.runtime.front.report import prefilled
from companion.runtime.recording.recorder import Log
from companion.runtime.recording.records import BarsRequested, EventReceived, PrefillRequested
from companion.session.api.events import GenerationFinished


def test_requests_whose_known_part_was_sent_ahead_are_told_from_the_others() -> None:
    def asked(request_id: int) -> BarsRequested:
        return BarsRequested(0.0, request_id, 0, "auto", 8, (), ())

    def answered(request_id: int, first: float | None) -> EventReceived:
        return EventReceived(0.0, GenerationFinished(request_id, 0.2, first_note_seconds=first))

    log = Log(
        {},
        (
            asked(1),  # nothing was known when it was asked
            answered(1, 0.09),
            PrefillRequested(0.0, 2),
            PrefillRequested(0.0, 3),
            asked(4),
            answered(4, 0.02),
            asked(5),  # the bar after, at once
            answered(5, 0.08),
            PrefillRequested(0.0, 6),
            asked(7),
            answered(7, None),  # a rest
        ),
    )
    assert prefilled(log) == {4, 7}
