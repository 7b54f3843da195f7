"""JACK transport: the position, start and stop that JACK's programs share.

JACK-Client is an optional library (`pip install 'companion[jack]'`). The tempo is the timebase master's, where there is one (a DAW
or sequencer that says bars and beats). Without one the tempo is ours, and beats are counted from frame 0.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from companion.errors import UsageError
from companion.runtime.clocks.beat_feed import Reading

CLIENT_NAME = "companion transport"
QUERIES = 3
BBT = 0x10  # JackPositionBBT: the position says bar, beat and tick (jack/types.h)


class JackClock:
    """See `SharedClock`."""

    def __init__(self, bpm: float, beats_per_bar: float) -> None:
        try:
            import jack
        except (ImportError, OSError):
            # OSError: the library is there, but JACK itself is not installed.
            raise UsageError("JACK transport needs JACK and a library: pip install 'companion[jack]'") from None
        os.environ.setdefault("JACK_NO_START_SERVER", "1")
        self._jack = jack
        try:
            self._client: Any = jack.Client(CLIENT_NAME, no_start_server=True)
        except jack.JackError:
            raise UsageError("JACK transport: no JACK server is running") from None
        self._bpm = bpm
        self._anchor = (0, 0.0)  # a frame and its position in beats; frames after it count at our tempo
        self._has_master = False
        self._gone = False
        self._client.set_shutdown_callback(self._shut_down)
        self._client.activate()

    def _shut_down(self, status: object, reason: str) -> None:
        self._gone = True

    @property
    def status(self) -> str:
        """Who says the tempo."""
        if self._gone:
            return "the JACK server has ended"
        return "tempo by the timebase master" if self._has_master else "our tempo"

    def read(self, now: float) -> Reading:
        """See `SharedClock`. Raises UsageError once the server has ended."""
        if self._gone:
            raise UsageError("JACK transport: the JACK server has ended")
        rolling, position, frames_since = self._query()
        self._has_master = bool(position.valid & BBT)
        if self._has_master:
            bpm = float(position.beats_per_minute)
            units = (position.bar - 1) * position.beats_per_bar + position.beat - 1
            units += position.tick / position.ticks_per_beat
            beats = units * 4 / position.beat_type + frames_since / position.frame_rate * bpm / 60
            return Reading(now, float(beats), bpm, rolling)
        frame, beats = self._anchor
        passed = position.frame + frames_since - frame
        return Reading(now, beats + passed / position.frame_rate * self._bpm / 60, self._bpm, rolling)

    def _query(self) -> tuple[bool, Any, int]:
        """(rolling, position at the beginning of the current cycle, frames that have passed since then)."""
        state, position = self._client.transport_query_struct()
        if state != self._jack.ROLLING:
            return False, position, 0
        for _ in range(QUERIES):
            frame, frames_since = position.frame, self._client.frames_since_cycle_start
            position = self._client.transport_query_struct()[1]
            if position.frame == frame:
                # A server that is late goes on with its next cycle: the time it has lost is not in its frames.
                return True, position, min(frames_since, self._client.blocksize)
        # A new cycle has begun between the two answers, three times in a row: this one has just begun.
        return True, position, 0

    def set_bar(self, beats_per_bar: float) -> None:
        """See `SharedClock`. JACK starts where it stands, not at a bar line."""

    def start(self) -> None:
        """See `SharedClock`."""
        self._client.transport_start()

    def stop(self) -> None:
        """See `SharedClock`."""
        self._client.transport_stop()

    def set_tempo(self, bpm: float) -> str:
        """See `SharedClock`. The place in the music stays where it is."""
        if self._has_master:
            return "the timebase master decides on the tempo"
        frame = self._client.transport_frame
        first, beats = self._anchor
        self._anchor = (frame, beats + (frame - first) / self._client.samplerate * self._bpm / 60)
        self._bpm = bpm
        return ""

    def locate(self, beats: float) -> str:
        """See `SharedClock`."""
        if self._has_master:
            return "the timebase master counts the bars; locate there"
        self._anchor = (0, 0.0)
        self._client.transport_locate(round(beats * 60 / self._bpm * self._client.samplerate))
        return ""

    def close(self) -> None:
        """Leave JACK."""
        # A server that has ended cannot be left any more.
        with suppress(self._jack.JackError):
            self._client.deactivate()
            self._client.close()
