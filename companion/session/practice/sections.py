"""The sections of a song: where the one around a bar begins and ends. Pure."""

from __future__ import annotations

from companion.session.api.settings import Song
from companion.session.practice.loop import Loop
from companion.session.timing.timeline import Timeline


def section_around(song: Song, song_bar: int) -> Loop:
    """The song bars [start, end) of the section around a song bar; the bar alone if there are no sections."""
    edges = sorted({0, song.score.bar_count, *(bar for bar, _ in song.sections)})
    if len(edges) == 2:
        return song_bar, song_bar + 1
    return max(edge for edge in edges if edge <= song_bar), min(edge for edge in edges if edge > song_bar)


def last_bar_of_section(song: Song, timeline: Timeline, bar: int) -> int | None:
    """The last session bar of the section that a session bar is in; None where no section follows."""
    starts = {first for first, _ in song.sections}
    following = range(bar, bar + song.score.bar_count)
    return next((at for at in following if timeline.song_bar(at + 1) in starts), None)
