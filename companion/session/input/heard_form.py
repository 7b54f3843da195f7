"""The form of what the players play, and what a coming bar will probably sound like."""

from __future__ import annotations

from collections.abc import Iterator

from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.input.capture import Capture
from companion.session.input.form import PARTS, FormMemory, Place, pitch_class_beats, profile
from companion.session.lanes import Lanes
from companion.session.performance import Performance
from companion.session.timing.musical_time import MusicalTime


class HeardForm:
    """Hears every bar once it is over. A song's form needs no guessing, so with a song nothing is heard."""

    def __init__(self, capture: Capture, lanes: Lanes, performance: Performance, time: MusicalTime) -> None:
        self._capture, self._lanes, self._performance, self._time = capture, lanes, performance, time
        self._memory = FormMemory()

    def clear(self) -> None:
        """The music jumped to another place of the form."""
        self._memory.clear()

    def hear(self, bar: int) -> Iterator[None]:
        """A bar is over: remember what the players sounded in it, in small steps (see `SpareTime`)."""
        if bar < self._performance.context_bar or self._time.songbook.song is not None:
            return
        meter = self._time.timeline.meter(bar)
        if meter != self._time.timeline.meter(bar + 1):
            self._memory.clear()
        else:
            heard = profile(self.players_notes(bar, self._time.timeline.end(bar)), meter.bar_ticks(RESOLUTION))
            yield
            self._memory.hear(bar, heard)

    def listen(self, now: float) -> None:
        """Hear the bar that sounds now, before the next one is asked for. It tells whether the form goes on in another key."""
        bar, position = self._performance.bar, self._time.position(now)
        if bar < self._performance.context_bar or self._time.songbook.song is not None:
            return
        ticks = self._time.timeline.meter(bar).bar_ticks(RESOLUTION)
        parts = int((position - self._time.timeline.start(bar)) * RESOLUTION * PARTS / ticks)
        if parts > 0:
            self._memory.listen(bar, profile(self.players_notes(bar, position), ticks), min(parts, PARTS))

    def place(self, bar: int) -> Place | None:
        """Where a coming bar lies in the form that was heard; None if that is unknown."""
        place = self._memory.place(bar)
        return None if place is None or place.bar < self._performance.context_bar else place

    def expected_beats(self, bar: int) -> tuple[float, ...]:
        """[12] beats that each pitch class will probably sound in a coming bar; () if that is unknown."""
        place = self.place(bar)
        if place is None:
            return ()
        beats = pitch_class_beats(self.players_notes(place.bar, self._time.timeline.start(place.bar + 1)), RESOLUTION)
        return tuple(beats[(pitch_class - place.moved) % 12] for pitch_class in range(12))

    def players_notes(self, bar: int, position: float) -> list[Note]:
        """What the players played in a bar, up to a position (session beats); no drums."""
        lanes = [lane for lane in self._lanes.of("human") if not lane.is_drum]
        return [note for lane in lanes for note in self._capture.notes(lane.index, bar, position)]
