"""The form of what the players play, and what a coming bar will probably sound like."""

from __future__ import annotations

from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.input.capture import Capture
from companion.session.input.form import FormMemory, pitch_class_beats, profile
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

    def hear(self, bar: int, now: float) -> None:
        """A bar is over: remember what the players sounded in it."""
        if bar < self._performance.context_bar or self._time.songbook.song is not None:
            return
        meter = self._time.timeline.meter(bar)
        if meter != self._time.timeline.meter(bar + 1):
            self._memory.clear()
        else:
            notes = self.players_notes(bar, self._time.position(now))
            self._memory.hear(bar, profile(notes, meter.bar_ticks(RESOLUTION)))

    def like(self, bar: int) -> int | None:
        """The heard bar that a coming bar is expected to resemble; None if that is unknown."""
        like = self._memory.like(bar)
        return None if like is None or like < self._performance.context_bar else like

    def expected_beats(self, bar: int) -> tuple[float, ...]:
        """[12] beats that each pitch class will probably sound in a coming bar; () if that is unknown."""
        like = self.like(bar)
        if like is None:
            return ()
        return pitch_class_beats(self.players_notes(like, self._time.timeline.start(like + 1)), RESOLUTION)

    def players_notes(self, bar: int, position: float) -> list[Note]:
        """What the players played in a bar, up to a position (session beats); no drums."""
        lanes = [lane for lane in self._lanes.of("human") if not lane.is_drum]
        return [note for lane in lanes for note in self._capture.notes(lane.index, bar, position)]
