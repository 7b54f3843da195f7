"""Maps times to frames of an endless stream, even though a device asks for frames in uneven bursts.

Pure: times are passed in.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from companion.sound.synth.synthesizer import Event
from companion.sound.wire import Due

_FOLLOW = 0.02  # share of the clock's error that is corrected at each request
_LOST_SECONDS = 0.06  # a request this far off means that the stream stood still


class FrameClock:
    """Estimates when each frame is handed out, from the times of the device's requests.

    An early or late request moves the estimate by a small share only. This also corrects for a device clock that is slightly
    fast or slow.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._zero: float | None = None  # when frame 0 was, or would have been, handed out
        self.gaps = 0

    def asked(self, frame: int, now: float) -> None:
        """Note that the device asks for `frame` and the frames after it."""
        found = now - frame / self._rate
        if self._zero is None:
            self._zero = found
        elif abs(found - self._zero) > _LOST_SECONDS:
            self._zero = found
            self.gaps += 1
        else:
            self._zero += _FOLLOW * (found - self._zero)

    def frame_at(self, seconds: float) -> int:
        """Return the frame that is handed out at a given time, 0 before the device has asked for any."""
        return 0 if self._zero is None else round((seconds - self._zero) * self._rate)


class Queue:
    """Holds messages until the block in which they sound."""

    def __init__(self, clock: FrameClock, latency_seconds: float) -> None:
        self._clock, self._latency = clock, latency_seconds
        self._waiting: list[tuple[float, int, Due]] = []
        self._serial = 0
        self.late = 0

    def add(self, messages: Iterable[Due]) -> None:
        """Add messages in any order. Messages with the same time keep their order."""
        for message in messages:
            self._serial += 1
            heapq.heappush(self._waiting, (message.seconds, self._serial, message))

    def events(self, first: int, frames: int) -> list[Event]:
        """Return the messages that sound in these frames. Messages that should have sounded earlier sound at once and are counted."""
        events: list[Event] = []
        while self._waiting:
            message = self._waiting[0][2]
            offset = self._clock.frame_at(message.seconds + self._latency) - first
            if offset >= frames:
                break
            heapq.heappop(self._waiting)
            if offset < 0 and message.status & 0xE0 == 0x80:
                self.late += 1
            events.append((max(offset, 0), *message[1:]))
        return events
