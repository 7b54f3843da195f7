"""Which bar of a song sounds in which bar of the session: passes, loops and seeks.

Session bars count on from 0 for ever; song bars go round. The map is an immutable value, changed by making a new one, and
knows no notes, tempo or time.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from companion.errors import UsageError

Loop = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A bar of the song, and which pass through it (from 1) this is."""

    song_bar: int
    pass_number: int


@dataclass(frozen=True, slots=True)
class _Segment:
    """From session bar `session_bar` on the song runs on from `song_bar`, round `loop` if there is one."""

    session_bar: int
    song_bar: int
    pass_number: int
    loop: Loop | None


def check_loop(loop: Loop | None, bar_count: int) -> Loop | None:
    """The loop itself (bars [start, end) from 0), or a UsageError that says which bars there are."""
    if loop is None:
        return None
    start, end = loop
    if not (0 <= start < end <= bar_count):
        raise UsageError(f"loop of bars {start + 1}-{end}: the song has bars 1-{bar_count}")
    return start, end


@dataclass(frozen=True, slots=True)
class PassMap:
    """The map. `of` makes one that begins at session bar 0 with the loop's first bar, or the song's."""

    bar_count: int
    segments: tuple[_Segment, ...]

    @classmethod
    def of(cls, bar_count: int, loop: Loop | None = None) -> PassMap:
        """A map from session bar 0; UsageError for a loop that the song does not have."""
        loop = check_loop(loop, bar_count)
        return cls(bar_count, (_Segment(0, loop[0] if loop else 0, 1, loop),))

    def at(self, session_bar: int) -> Place | None:
        """What sounds there; None before the beginning and after the end of a song that is not looped."""
        segment = self._segment(session_bar)
        if segment is None:
            return None
        song_bar = segment.song_bar + session_bar - segment.session_bar
        if segment.loop is None:
            return Place(song_bar, segment.pass_number) if song_bar < self.bar_count else None
        start, end = segment.loop
        if song_bar < end:
            return Place(song_bar, segment.pass_number)
        rounds, beyond = divmod(song_bar - end, end - start)
        return Place(start + beyond, segment.pass_number + 1 + rounds)

    def seam_after(self, session_bar: int) -> int | None:
        """The first session bar after this one that does not follow it in the song: loop seam, seek or the end."""
        place = self.at(session_bar)
        if place is None:
            return None
        following = session_bar + 1
        while self.at(following) == replace(place, song_bar=place.song_bar + following - session_bar):
            following += 1
        return following

    def loop_at(self, session_bar: int) -> Loop | None:
        """The loop that holds in this bar."""
        segment = self._segment(session_bar)
        return segment.loop if segment else None

    def with_loop(self, loop: Loop | None, from_bar: int) -> PassMap:
        """Another loop (or none) from this session bar on; a place outside it goes to its start, as a new pass."""
        loop = check_loop(loop, self.bar_count)
        place = self.at(from_bar) or Place(0, self._last_pass() + 1)
        if loop and not loop[0] <= place.song_bar < loop[1]:
            place = Place(loop[0], place.pass_number + 1)
        return self._from(_Segment(from_bar, place.song_bar, place.pass_number, loop))

    def with_seek(self, song_bar: int, from_bar: int) -> PassMap:
        """Go on with this bar of the song (as a new pass); a loop that it lies outside of is left."""
        if not 0 <= song_bar < self.bar_count:
            raise UsageError(f"bar {song_bar + 1}: the song has bars 1-{self.bar_count}")
        loop = self.loop_at(from_bar)
        if loop and not loop[0] <= song_bar < loop[1]:
            loop = None
        place = self.at(from_bar - 1)
        number = (place.pass_number if place else self._last_pass()) + 1
        return self._from(_Segment(from_bar, song_bar, number, loop))

    def _segment(self, session_bar: int) -> _Segment | None:
        index = bisect_right([segment.session_bar for segment in self.segments], session_bar) - 1
        return self.segments[index] if index >= 0 else None

    def _last_pass(self) -> int:
        return self.segments[-1].pass_number

    def _from(self, segment: _Segment) -> PassMap:
        kept = tuple(before for before in self.segments if before.session_bar < segment.session_bar)
        return replace(self, segments=(*kept, segment))
