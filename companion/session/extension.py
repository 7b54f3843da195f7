"""What can be built on top of a session: practising with a song, trading bars. Each is an Extension, asked at fixed points.

A session asks its extensions in order; the first that answers wins. They may call the session's public methods and hold state, but
know no more of time than `now`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from companion.music import Note
from companion.session.api.events import Command
from companion.session.api.snapshot import Ladder, PracticeView
from companion.session.input.capture import PlayedNote
from companion.session.lanes import Lane

if TYPE_CHECKING:
    from companion.session.state import SessionCore

# Written out, because methods of one class may be asked for more: (session) is any session with this extension.


class Extension:
    """Does nothing; override what is wanted. Bars are session bars unless called song bars."""

    def attached(self, session: SessionCore, now: float) -> None:
        """The session exists; nothing runs yet."""

    def first_song_bar(self, session: SessionCore, song_bar: int) -> int | None:
        """Where music begins that was to begin with this song bar; None = there."""
        return None

    def next_song_bar(self, session: SessionCore, song_bar: int) -> int | None:
        """Which song bar follows; None = no opinion (the next one). For loops; asked when bars are laid out."""
        return None

    def plays(self, session: SessionCore, lane: Lane, bar: int) -> bool | None:
        """Whether a companion lane plays in a bar; None = no opinion. Asked when it is requested and when it is committed."""
        return None

    def known_notes(self, session: SessionCore, lane: Lane, bar: int) -> tuple[Note, ...] | None:
        """Notes (480 ticks a quarter) known of any lane's bar, for the model's context, beyond what was captured or planned."""
        return None

    def lane_notes(self, session: SessionCore, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """Notes that one of our lanes must play in a bar, and their origin; asked at commit. None = the ladder decides."""
        return None

    def bar_started(self, session: SessionCore, bar: int, now: float) -> None:
        """A bar line was passed (or the music was entered within this bar)."""

    def stopped(self, session: SessionCore, now: float) -> None:
        """The music stopped, was lost or jumped."""

    def note_played(self, session: SessionCore, note: PlayedNote, now: float) -> None:
        """A human's key went down."""

    def note_released(self, session: SessionCore, note: PlayedNote, now: float) -> None:
        """A human's key came up."""

    def command(self, session: SessionCore, command: Command, now: float) -> bool:
        """A command; True = done, the session does nothing more."""
        return False

    def picture(self, session: SessionCore, now: float) -> dict[str, Any]:
        """Fields of Snapshot that this extension answers for."""
        return {}

    def view(self, session: SessionCore, now: float) -> PracticeView | dict[str, Any] | None:
        """For the snapshot: a whole view, or fields to change in the one before."""
        return None
