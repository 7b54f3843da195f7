"""What each dial stands at, read from the parts that own it."""

from __future__ import annotations

from companion.session.api import limits
from companion.session.api.dials import FREE
from companion.session.extensions import Extensions
from companion.session.lanes import Lanes
from companion.session.requests.engine import Engine
from companion.session.rewriting.rewriting import Rewriting
from companion.session.timing.musical_time import MusicalTime

USUAL_MIX = {"volume": 100, "pan": 64}  # General MIDI, where nobody has set them
_SAMPLING = ("temperature", "top_p", "harmony", "variety", "human")


class DialValues:
    """Reads dials. It changes nothing."""

    def __init__(
        self, engine: Engine, time: MusicalTime, lanes: Lanes, rewriting: Rewriting, extensions: Extensions
    ) -> None:
        self._engine, self._time, self._lanes = engine, time, lanes
        self._rewriting, self._extensions = rewriting, extensions

    def value(self, dial: str, track: int | None) -> float | None:
        """A dial's present value, or None where it has none: a free attribute, or a part that is gone."""
        if track is not None:
            return self._of_part(dial, track)
        if dial == "tempo":
            return self._time.clock.bpm
        if dial == "rewrite":
            return limits.REWRITE_DIALS.index(self._rewriting.dial)
        if dial in _SAMPLING:
            return getattr(self._engine.model.sampling, dial)
        return self._extensions.dials().get(dial)

    def _of_part(self, dial: str, track: int) -> float | None:
        if track >= len(self._lanes) or self._lanes[track].removed:
            return None
        lane = self._lanes[track]
        if dial in USUAL_MIX:
            value = lane.volume if dial == "volume" else lane.pan
            return USUAL_MIX[dial] if value is None else value
        level = lane.attributes.get(dial)
        return None if level is None or level <= FREE else level
