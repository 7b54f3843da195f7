"""Ableton Link: tempo, beats and start/stop shared with other programs on the network.

aalink is an optional library under the GPL (`pip install 'companion[link]'`). Link talks to other programs on the local network by
multicast, and only while the player has chosen this clock.
"""

from __future__ import annotations

import math
from typing import Any

from companion.errors import UsageError
from companion.runtime.clocks.beat_feed import Reading

# A start that another program made is seen this late at most. It then counts from the bar line that has just passed.
LATE_BEATS = 0.1


class LinkClock:
    """See `SharedClock`. Beat 0 is the bar line at which the music starts."""

    def __init__(self, bpm: float, beats_per_bar: float) -> None:
        try:
            # asyncio too only where it is needed: the realtime process is kept small.
            import asyncio

            from aalink import Link
        except ImportError:
            raise UsageError("Ableton Link needs a library: pip install 'companion[link]'") from None

        async def join() -> Any:
            return Link(bpm)

        # aalink wants a running loop when it is made. Later beats are read, not waited for, so the loop runs no more.
        self._loop = asyncio.new_event_loop()
        self._link: Any = self._loop.run_until_complete(join())
        self._link.quantum = beats_per_bar
        self._link.start_stop_sync_enabled = True
        self._link.enabled = True
        self._beats_per_bar = beats_per_bar
        self._origin: float | None = None  # the Link beat of our beat 0

    @property
    def status(self) -> str:
        """How many other programs take part."""
        peers = self._link.num_peers
        return f"{peers} other program{'s' * (peers != 1)}" if peers else "nobody else yet"

    def read(self, now: float) -> Reading:
        """See `SharedClock`."""
        beat, rolling = float(self._link.beat), bool(self._link.playing)
        if not rolling:
            self._origin = None
        elif self._origin is None:
            bar = self._beats_per_bar
            self._origin = math.ceil((beat - LATE_BEATS) / bar) * bar
        return Reading(now, beat - (self._origin or 0.0), float(self._link.tempo), rolling)

    def set_bar(self, beats_per_bar: float) -> None:
        """See `SharedClock`."""
        if beats_per_bar != self._beats_per_bar:
            self._link.quantum = self._beats_per_bar = beats_per_bar

    def start(self) -> None:
        """See `SharedClock`. The music starts on the session's next bar line."""
        self._link.playing = True

    def stop(self) -> None:
        """See `SharedClock`."""
        self._link.playing = False

    def set_tempo(self, bpm: float) -> str:
        """See `SharedClock`. Everybody's tempo changes."""
        self._link.tempo = bpm
        return ""

    def locate(self, beats: float) -> str:
        """See `SharedClock`."""
        return "Link has no song position: it only shares beats and starts"

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False
        self._loop.close()
