"""Extensions of a session, such as practising with a song or trading bars. The session asks them at fixed points.

A session asks its extensions in order; the first that answers wins. They hold their own state, see of the session only what their
Context holds, and know no more of time than `now`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from companion.harmony.spans import ChordSpan
from companion.music import Note
from companion.session.api.commands import Command
from companion.session.api.effects import Effect
from companion.session.api.snapshot import Ladder, PracticeView
from companion.session.commands.undoable import FindUndoable
from companion.session.input.capture import Capture, CapturedNote
from companion.session.lanes import Lane, Lanes
from companion.session.output.outbox import Level
from companion.session.output.plan import Plan
from companion.session.performance import Performance
from companion.session.spare_time import SpareTime
from companion.session.timing.musical_time import MusicalTime

Handler = Callable[[Any, float], None]  # (command, now): does what the command says; UsageError where that cannot be


class Say(Protocol):
    """Shows the player one line."""

    def __call__(self, text: str, level: Level = "info") -> None: ...


class Course(Protocol):
    """What an extension may ask of the transport."""

    def relay(self, now: float) -> None:
        """Lay out the coming bars again: their meters or their order have changed."""
        ...

    def rewind(self, song_bar: int) -> None:
        """As master, stopped: the next start begins at this song bar."""
        ...

    def resume_place(self, position: float) -> tuple[int, float] | None:
        """(song bar, beats into it) where the music at rest will begin, if that is not where it stopped (else None)."""
        ...

    def follow_tempo(self, now: float) -> None:
        """Take up the song's tempo, times the tempo factor."""
        ...

    def begin_again(self, now: float) -> None:
        """As master, while the count-in is heard: start once more from the beginning."""
        ...

    def finish(self, now: float) -> None:
        """The music has come to its end: as master, stop. Somebody else's clock runs on."""
        ...


class Voices(Protocol):
    """What an extension may ask of what sounds."""

    def fall_silent(self, lane: Lane, position: float, now: float) -> None:
        """End a lane at a position at once. Notes that did not sound are not history."""
        ...

    def end_lane(self, lane: Lane, now: float) -> None:
        """End all notes of a lane, also those that wait."""
        ...

    def add_notes(self, lane: Lane, bar: int, notes: Iterable[Note]) -> None:
        """Add notes to a bar that is already decided."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a session that extensions work with. Parts are read, and changed only through their methods."""

    performance: Performance
    time: MusicalTime
    lanes: Lanes
    capture: Capture
    plan: Plan
    course: Course
    voices: Voices
    spare: SpareTime
    notice: Say
    emit: Callable[[Effect], None]
    section_end: Callable[[int], int | None]
    chords: Callable[[int], Sequence[ChordSpan] | None]
    first_song_bar: Callable[[int], int]


class Extension:
    """Does nothing by itself; override the methods you need. Bars are session bars unless called song bars."""

    def attached(self, context: Context, now: float) -> None:
        """The session exists; nothing runs yet."""

    def first_song_bar(self, song_bar: int) -> int | None:
        """Where music begins that was to begin with this song bar; None = there."""
        return None

    def intro_bars(self) -> int:
        """How many bars come before the first bar of a start from the beginning."""
        return 0

    def introduces(self, bar: int, bars: int) -> bool:
        """The music begins with this session bar: this many bars of intro (0 for none), and then the song.

        Returns whether this extension lets somebody play them.
        """
        return False

    def next_song_bar(self, song_bar: int) -> int | None:
        """Which song bar follows; None = no opinion (the next one). For loops; asked when bars are laid out."""
        return None

    def section_end(self, bar: int) -> int | None:
        """The last bar of the section that a bar is in; None = no opinion, or no section follows."""
        return None

    def deciding(self, bar: int, now: float) -> None:
        """The bar is decided next, just before its line."""

    def settings(self) -> Mapping[str, Any]:
        """Fields of SessionSettings that this extension answers for, as they are now."""
        return {}

    def plays(self, lane: Lane, bar: int) -> bool | None:
        """Whether a companion lane plays in a bar; None = no opinion. Asked when it is requested and when it is committed."""
        return None

    def known_notes(self, lane: Lane, bar: int) -> tuple[Note, ...] | None:
        """Notes (480 ticks a quarter) known of any lane's bar, for the model's context, beyond what was captured or planned."""
        return None

    def lane_notes(self, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """Notes that one of our lanes must play in a bar, and their origin; asked at commit. None = the ladder decides."""
        return None

    def attributes(self, lane: Lane, bar: int) -> Mapping[str, int]:
        """Levels that the model is asked for in a bar of a lane, in place of the lane's own; asked when the bar is requested."""
        return {}

    def pace(self, lane: Lane, bar: int) -> int | None:
        """The level of note density that a melodic lane is asked for in a bar; None = as the model likes. Asked as attributes are."""
        return None

    def avoided(self, lane: Lane, bar: int) -> tuple[int, int, float] | None:
        """Pitches from which a lane stays away in a bar: the lowest, the highest, how strongly (0 to 1). None = none."""
        return None

    def rests_are_meant(self) -> bool:
        """Whether the player's silence has a meaning of its own, as where turns are taken."""
        return False

    def loudness(self, lane: Lane) -> float:
        """A factor for the velocities of one of our lanes; asked when notes are scheduled."""
        return 1.0

    def dials(self) -> Mapping[str, float]:
        """The dials that this extension owns, by name (see `companion.session.api.dials`), at their present values."""
        return {}

    def due_position(self) -> float | None:
        """The session position (beats) at which `reached` is wanted next; None = never."""
        return None

    def reached(self, position: float, now: float) -> None:
        """The position asked for has come."""

    def bar_started(self, bar: int, now: float) -> None:
        """A bar line was passed (or the music was entered within this bar)."""

    def stopped(self, now: float) -> None:
        """The music stopped, was lost or jumped."""

    def note_played(self, note: CapturedNote, now: float) -> None:
        """A human's key went down."""

    def note_released(self, note: CapturedNote, now: float) -> None:
        """A human's key came up."""

    def handlers(self) -> Mapping[type[Command], Handler]:
        """Commands that this extension answers, in place of any other part that would."""
        return {}

    def undoables(self) -> Mapping[type[Command], FindUndoable]:
        """What its commands change, for those that can be undone."""
        return {}

    def picture(self, now: float) -> dict[str, Any]:
        """Fields of Snapshot that this extension answers for."""
        return {}

    def view(self, now: float) -> PracticeView | dict[str, Any] | None:
        """For the snapshot: a whole view, or fields to change in the one before."""
        return None
