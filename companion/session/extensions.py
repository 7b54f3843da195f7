"""The extensions of one session, asked in order; and which of them a session's settings ask for.

Most extensions answer a few questions only, and some questions are asked of every bar of every lane. So each question goes only to
those extensions that have an answer of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Concatenate, ParamSpec, TypeVar

from companion.music import Note
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Ladder, PracticeView
from companion.session.extension import Context, Extension
from companion.session.input.capture import CapturedNote
from companion.session.lanes import Lane
from companion.session.leading.calls import CallLedger
from companion.session.leading.intro import Introduction
from companion.session.leading.leader import Leader
from companion.session.practice.practising import Practising
from companion.session.trading.turns import TakingTurns

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


def extensions_for(settings: SessionSettings) -> tuple[Extension, ...]:
    """In the order in which they are asked."""
    turns = TakingTurns(settings.trading)
    calls = CallLedger()
    leading = Leader(settings.leading, calls), Introduction(calls, settings.intro_bars)
    if settings.song is None:
        return *leading, turns
    return *leading, Practising(settings.song, settings.practice), turns


class Extensions:
    """Asks each extension in turn; see Extension for what is asked."""

    def __init__(self, extensions: Sequence[Extension]) -> None:
        self._extensions: tuple[Extension, ...] = ()
        self._by_question: dict[str, tuple[Extension, ...]] = {}
        self._use(extensions)

    def __iter__(self) -> Iterator[Extension]:
        return iter(self._extensions)

    def put_first(self, *extensions: Extension) -> None:
        """Ask these before all others."""
        self._use((*extensions, *self._extensions))

    def practise(self, practising: Practising | None) -> Practising | None:
        """Let this one practise in place of the one before, which is returned; None: nobody practises."""
        before = next((each for each in self._extensions if isinstance(each, Practising)), None)
        others = [each for each in self._extensions if each is not before]
        if practising is not None:
            others.insert(len(others) - 1, practising)
        self._use(others)
        return before

    def section_end(self, bar: int) -> int | None:
        """The last bar of the section that a bar is in."""
        return self._first(Extension.section_end, bar)

    def deciding(self, bar: int, now: float) -> None:
        """Tell all."""
        for extension in self._asked(Extension.deciding):
            extension.deciding(bar, now)

    def settings(self) -> dict[str, Any]:
        """Fields of SessionSettings from all."""
        return {
            name: value for extension in self._asked(Extension.settings) for name, value in extension.settings().items()
        }

    def attach(self, context: Context, now: float) -> None:
        """The session exists."""
        for extension in self._asked(Extension.attached):
            extension.attached(context, now)

    def first_song_bar(self, song_bar: int) -> int:
        """Where music begins that was to begin with this song bar."""
        found = self._first(Extension.first_song_bar, song_bar)
        return song_bar if found is None else found

    def intro_bars(self) -> int:
        """How many bars come before the first bar of a start from the beginning."""
        return max((extension.intro_bars() for extension in self._asked(Extension.intro_bars)), default=0)

    def introduces(self, bar: int, bars: int) -> bool:
        """Tell all. Returns whether one of them can let somebody play the intro."""
        played = [extension.introduces(bar, bars) for extension in self._asked(Extension.introduces)]
        return any(played)

    def next_song_bar(self, song_bar: int) -> int:
        """The song bar that follows."""
        found = self._first(Extension.next_song_bar, song_bar)
        return song_bar + 1 if found is None else found

    def plays(self, lane: Lane, bar: int) -> bool:
        """Whether a companion lane plays in a bar."""
        return self._first(Extension.plays, lane, bar) is not False

    def known_notes(self, lane: Lane, bar: int) -> tuple[Note, ...] | None:
        """What is known of a lane's bar beyond what was captured or planned."""
        return self._first(Extension.known_notes, lane, bar)

    def lane_notes(self, lane: Lane, bar: int) -> tuple[tuple[Note, ...], Ladder] | None:
        """What a lane must play in a bar."""
        return self._first(Extension.lane_notes, lane, bar)

    def attributes(self, lane: Lane, bar: int) -> Mapping[str, int]:
        """Levels for a bar from all; the first that names a level decides it."""
        levels: dict[str, int] = {}
        for extension in reversed(self._asked(Extension.attributes)):
            levels.update(extension.attributes(lane, bar))
        return levels

    def paces(self, lanes: Iterable[Lane], bar: int) -> dict[int, int]:
        """The levels of note density that melodic lanes are asked for, by lane."""
        asked = ((lane.index, self._first(Extension.pace, lane, bar)) for lane in lanes)
        return {index: level for index, level in asked if level is not None}

    def avoided(self, lanes: Iterable[Lane], bar: int) -> dict[int, tuple[int, int, float]]:
        """The pitches from which lanes stay away, by lane."""
        asked = ((lane.index, self._first(Extension.avoided, lane, bar)) for lane in lanes)
        return {index: pitches for index, pitches in asked if pitches is not None}

    def rests_are_meant(self) -> bool:
        """Whether one of them gives the player's silence a meaning."""
        return any(extension.rests_are_meant() for extension in self._asked(Extension.rests_are_meant))

    def loudness(self, lane: Lane) -> float:
        """The factors of all."""
        return prod(extension.loudness(lane) for extension in self._asked(Extension.loudness))

    def dials(self) -> dict[str, float]:
        """The dials of all, at their present values."""
        return {name: value for extension in self._asked(Extension.dials) for name, value in extension.dials().items()}

    def due_position(self) -> float | None:
        """The first position at which one of them is wanted."""
        due = (extension.due_position() for extension in self._asked(Extension.due_position))
        return min((position for position in due if position is not None), default=None)

    def reached(self, position: float, now: float) -> None:
        """Tell all."""
        for extension in self._asked(Extension.reached):
            extension.reached(position, now)

    def bar_started(self, bar: int, now: float) -> None:
        """Tell all."""
        for extension in self._asked(Extension.bar_started):
            extension.bar_started(bar, now)

    def stopped(self, now: float) -> None:
        """Tell all."""
        for extension in self._asked(Extension.stopped):
            extension.stopped(now)

    def note_played(self, note: CapturedNote, now: float) -> None:
        """Tell all."""
        for extension in self._asked(Extension.note_played):
            extension.note_played(note, now)

    def note_released(self, note: CapturedNote, now: float) -> None:
        """Tell all."""
        for extension in self._asked(Extension.note_released):
            extension.note_released(note, now)

    def picture(self, now: float) -> dict[str, Any]:
        """Fields of Snapshot from all."""
        return {
            name: value
            for extension in self._asked(Extension.picture)
            for name, value in extension.picture(now).items()
        }

    def practice_view(self, now: float) -> PracticeView | None:
        """The view of the extension that has one, with the changes that the others make to it."""
        view: PracticeView | None = None
        for extension in self._asked(Extension.view):
            more = extension.view(now)
            if isinstance(more, PracticeView):
                view = more
            elif more and view is not None:
                view = replace(view, **more)
        return view

    def _use(self, extensions: Iterable[Extension]) -> None:
        self._extensions = tuple(extensions)
        self._by_question.clear()

    def _asked(self, question: Callable[..., Any]) -> tuple[Extension, ...]:
        """The extensions with an answer of their own. question: a method of Extension."""
        name = question.__name__
        if name not in self._by_question:
            self._by_question[name] = tuple(
                each for each in self._extensions if getattr(type(each), name) is not question
            )
        return self._by_question[name]

    def _first(
        self,
        question: Callable[Concatenate[Extension, Asked], Answer | None],
        *asked: Asked.args,
        **named: Asked.kwargs,
    ) -> Answer | None:
        """The first answer."""
        for extension in self._asked(question):
            answer = getattr(extension, question.__name__)(*asked, **named)
            if answer is not None:
                return answer
        return None
