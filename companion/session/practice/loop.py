"""Loops and passes: the order of the song's bars, the pass to which a session bar belongs, and how that pass is played.

Bars of the session are laid out by `timeline`, which asks here what follows. Knows no notes and no time.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from companion.errors import UsageError
from companion.session.api.settings import PracticeSettings
from companion.session.practice.trainer import PassSettings, first_pass, next_pass
from companion.session.timing.timeline import Timeline

Loop = tuple[int, int]


def check_loop(loop: Loop | None, bar_count: int) -> Loop | None:
    """The loop itself (bars [start, end) from 0), or a UsageError that says which bars there are."""
    if loop is None:
        return None
    start, end = loop
    if not (0 <= start < end <= bar_count):
        raise UsageError(f"loop of bars {start + 1}-{end}: the song has bars 1-{bar_count}")
    return start, end


def loop_words(loop: Loop | None) -> str:
    """A loop as players count bars."""
    return f"loop: bars {loop[0] + 1}-{loop[1]}" if loop else "no loop"


def bar_after(song_bar: int, loop: Loop | None) -> int:
    """The song bar that follows. After a loop's last bar, and from anywhere behind it, that is the loop's first bar."""
    if loop and song_bar + 1 >= loop[1]:
        return loop[0]
    return song_bar + 1


class Passes:
    """Counts passes along a timeline: a new one begins wherever the song does not simply go on."""

    def __init__(self, practice: PracticeSettings, timeline: Timeline) -> None:
        self.practice = practice
        self._timeline = timeline
        self._starts: list[tuple[int, int]] = []  # (session bar, number) of the passes begun
        self._settings: dict[int, PassSettings] = {1: first_pass(practice)}
        self._numbers: dict[int, int] = {}  # what `number` found, while the timeline is of `_version`
        self._version = -1

    def begins_at(self, bar: int) -> bool:
        """Whether a session bar does not follow the one before it in the song."""
        song_bar = self._timeline.song_bar
        return bar <= 0 or song_bar(bar) != song_bar(bar - 1) + 1

    def number(self, bar: int) -> int:
        """The pass, from 1, of a session bar that is past, present or laid out to come."""
        if self._version != self._timeline.version:
            self._numbers, self._version = {}, self._timeline.version
        if bar not in self._numbers:
            index = bisect_right(self._starts, (bar, 1 << 30)) - 1
            start, number = self._starts[index] if index >= 0 else (bar, 1)
            self._numbers[bar] = number + sum(self.begins_at(later) for later in range(start + 1, bar + 1))
        return self._numbers[bar]

    def first_bar(self, bar: int) -> int:
        """The session bar with which the pass of this bar began."""
        index = bisect_right(self._starts, (bar, 1 << 30)) - 1
        return self._starts[index][0] if index >= 0 else bar

    def begin(self, bar: int, accuracy: float | None = None) -> int:
        """Begin a pass with this bar, after a pass of this accuracy. Returns its number. A repeated call changes nothing."""
        if self._starts and self._starts[-1][0] == bar:
            return self._starts[-1][1]
        number = self._starts[-1][1] + 1 if self._starts else 1
        self._starts.append((bar, number))
        self._numbers = {}
        if number not in self._settings:
            self._settings[number] = next_pass(self._settings[number - 1], self.practice, accuracy)
        return number

    def settings(self, bar: int) -> PassSettings:
        """How the pass of this bar is played. For coming passes, it assumes that none of their notes will be right."""
        number = self.number(bar)
        known = max(begun for begun in self._settings if begun <= number)
        settings = self._settings[known]
        for _ in range(known, number):
            settings = next_pass(settings, self.practice)
        return settings

    def change(self, bar: int, tempo_factor: float | None = None, transpose: int | None = None) -> PassSettings:
        """The player chose a tempo or key, which holds from the pass of this bar on."""
        settings = self.settings(bar)
        if tempo_factor is not None:
            checked = first_pass(replace(self.practice, tempo_factor=tempo_factor, trainer=None))
            settings = replace(settings, tempo_factor=checked.tempo_factor)
        if transpose is not None:
            settings = replace(settings, transpose=transpose)
            self.practice = replace(self.practice, transpose=transpose)
        number = self.number(bar)
        self._settings = {known: value for known, value in self._settings.items() if known < number}
        self._settings[number] = settings
        return settings
