"""The interface of ports for the rest of the program: polled inputs, outputs, names, and a pair in memory.

No driver is imported here; `companion.midi.driver` has the real ones. Times are seconds of the caller's monotonic clock.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from companion.errors import PortError
from companion.midi.codec import Decoder
from companion.midi.messages import Message

CLIENT_NAME = "companion"
MAX_MESSAGES_A_POLL = 256  # a flood is read in portions, so that messages due in between are sent in time
# Our own ports, and ports that exist on every machine and carry no music.
_NOT_REAL = re.compile(r"midi through|rtmidi|\bmidi-bridge:midi through|^companion", re.IGNORECASE)
_ALSA_ADDRESS = re.compile(r"\s\d+:\d+$")
_BRIDGED_CLIENT = re.compile(r"\s\[\d+\](?=[ :]|$)")
_LAST_NUMBER = re.compile(r"\s\d+$")
# rtmidi would guess; every system it knows names ports in UTF-8.
NAME_ENCODING = "utf-8"


class InputPort(Protocol):
    """An input that can be polled for messages."""

    name: str

    def poll(self, now: float) -> list[tuple[float, Message]]:
        """(arrival time <= now, message) since the last poll, oldest first, some hundreds at most; never blocks."""
        ...

    def close(self) -> None:
        """Let go of the port; may be called twice."""
        ...


class OutputPort(Protocol):
    """An output that takes bytes."""

    name: str

    def send(self, data: bytes) -> None:
        """Send one whole message now. Raises PortError when the driver refuses it."""
        ...

    def close(self) -> None:
        """Let go of the port; may be called twice."""
        ...


class ArrivalClock:
    """Computes arrival times from a driver's deltas.

    A message found by a poll arrived between the last poll that emptied the queue and this one. The driver's deltas give
    the distances between messages, to the driver's precision, but not their times. A running sum of the deltas is therefore
    anchored to the first poll, and moved as little as possible whenever it leaves this interval. A slow poll thus spoils no
    arrival time, and a slow drift between the two clocks is corrected.
    """

    def __init__(self) -> None:
        self._estimate: float | None = None
        self._emptied = float("-inf")

    def arrived(self, delta_seconds: float, now: float) -> float:
        """The arrival time of the next message; never earlier than the one before it."""
        if self._estimate is None:
            self._estimate = now
        else:
            self._estimate = min(max(self._estimate + max(delta_seconds, 0.0), self._emptied), now)
        return self._estimate

    def emptied(self, now: float) -> None:
        """The queue was found empty at `now`: whatever comes next arrived later."""
        self._emptied = now


class MemoryInput:
    """An input that the program itself feeds: a schedule of (time, bytes), ascending and perhaps endless, then `deliver`."""

    def __init__(self, name: str = "memory", schedule: Iterable[tuple[float, bytes]] = ()) -> None:
        self.name = name
        self._schedule = iter(schedule)
        self._queue: deque[tuple[float, bytes]] = deque()
        self._decoder = Decoder()
        self._pull()

    def _pull(self) -> None:
        if not self._queue and (item := next(self._schedule, None)) is not None:
            self._queue.append(item)

    def deliver(self, time_seconds: float, data: bytes) -> None:
        """Add bytes. Times must not go backwards."""
        self._queue.append((time_seconds, data))

    def next_arrival(self) -> float | None:
        """When the next waiting bytes arrive, or None."""
        return self._queue[0][0] if self._queue else None

    def poll(self, now: float) -> list[tuple[float, Message]]:
        """The messages that have arrived by `now`."""
        found: list[tuple[float, Message]] = []
        while self._queue and self._queue[0][0] <= now and len(found) < MAX_MESSAGES_A_POLL:
            time_seconds, data = self._queue.popleft()
            found.extend((time_seconds, message) for message in self._decoder.feed(data))
            self._pull()
        return found

    def close(self) -> None:
        """Drop waiting bytes."""
        self._queue.clear()
        self._schedule = iter(())


class MemoryOutput:
    """An output whose bytes go to a function together with the moment they were sent."""

    def __init__(self, clock: Callable[[], float], sink: Callable[[float, bytes], None], name: str = "memory") -> None:
        self.name = name
        self._clock, self._sink = clock, sink

    def send(self, data: bytes) -> None:
        """Hand the bytes on at once."""
        self._sink(self._clock(), data)

    def close(self) -> None:
        """Nothing is held."""


def memory_pair(clock: Callable[[], float], name: str = "memory") -> tuple[MemoryInput, MemoryOutput]:
    """A connected pair: messages sent to the output arrive at the input."""
    source = MemoryInput(name)
    return source, MemoryOutput(clock, source.deliver, name)


def distinct_names(names: Iterable[str]) -> list[str]:
    """A driver's list with distinct names: the second port of a name is called "NAME #2", and so on."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return distinct


def stable_name(name: str) -> str:
    """A port's name without the numbers that change when a device is plugged in again.

    ALSA appends an address ("20:0"); its bridge to JACK writes the client's number in brackets ("nanoKEY [20]").
    """
    return _BRIDGED_CLIENT.sub("", _ALSA_ADDRESS.sub("", name))


def stable_names(names: Sequence[str]) -> list[str]:
    """The stable names of a whole list, twins told apart by their order. On Windows every name ends with its place in the list."""
    if _are_numbered(names):
        names = [_LAST_NUMBER.sub("", name) for name in names]
    return distinct_names(stable_name(name) for name in names)


def match_port(wanted: str, names: Sequence[str]) -> int | None:
    """The index of the port meant by a name or part of it: the exact name, else the first that contains it, in any case.

    "" means the first port that is a real one; None = there is no such port now.
    """
    if not wanted:
        return next((index for index, name in enumerate(names) if is_real(name)), None)
    if wanted in names:
        return names.index(wanted)
    stable = [_folded(name) for name in stable_names(names)]
    asked = [_folded(stable_name(wanted))]
    if _are_numbered(names):
        asked.append(_folded(_LAST_NUMBER.sub("", wanted)))  # it had another number then
    for folded in asked:
        if folded in stable:
            return stable.index(folded)
    return next((index for folded in asked for index, name in enumerate(stable) if folded in name), None)


def _are_numbered(names: Sequence[str]) -> bool:
    return bool(names) and all(name.endswith(f" {index}") for index, name in enumerate(names))


def _folded(name: str) -> str:
    """For comparison: in any case, and with accents in any of the ways in which systems spell them."""
    return unicodedata.normalize("NFKC", name).casefold()


def is_real(name: str) -> bool:
    """Whether a port may be chosen unasked: not our own, and not a loop-through that every machine has."""
    return not _NOT_REAL.search(name)


def require_port(wanted: str, names: Sequence[str], direction: str) -> str:
    """The full name behind `wanted`; PortError lists what there is."""
    index = match_port(wanted, names)
    if index is None:
        there = ", ".join(repr(name) for name in stable_names(names)) or "none"
        raise PortError(f"no MIDI {direction}put port {wanted!r} (there are: {there})")
    return names[index]
