"""Lets each learned knob through at most fifty times a second, and always its last value.

A fast knob or a breath controller sends hundreds of values a second. A dial needs only the newest, and everything that the session
hears goes into the log. The gate stands in front of the session, so that a replay of the log hears the same values. It knows seconds
and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from companion.midi.messages import ControlChange, Message
from companion.session.api.control_names import PAIRED, knob_name

INTERVAL_SECONDS = 0.02
Arrived = tuple[float, str, Message]  # arrival in seconds, port, message
Source = tuple[str, str]  # port, knob


class KnobGate:
    """Passes the first value at once; those that follow within the interval wait, and a newer one takes their place."""

    def __init__(self) -> None:
        self._passed: dict[Source, float] = {}  # when a value last went through
        self._waiting: dict[Source, dict[bool, Message]] = {}  # by whether it is the lower half of a pair

    def admit(self, arrived: list[Arrived], knobs: Mapping[str, str], now: float) -> list[Arrived]:
        """The messages that the session gets now. knobs: the names of knobs' messages → the knob's name."""
        if not knobs and not self._waiting:
            return arrived
        ready = []
        for item in arrived:
            _, port, message = item
            knob = knobs.get(knob_name(message) or "")
            if knob is None:
                ready.append(item)
            elif (port, knob) in self._waiting or now - self._passed.get((port, knob), -1.0) < INTERVAL_SECONDS:
                self._keep((port, knob), message)
            else:
                self._passed[port, knob] = now
                ready.append(item)
        return ready + self._due(now)

    def _keep(self, source: Source, message: Message) -> None:
        """The newest value. A new upper half of a pair sets the lower one to 0 (MIDI 1.0), so an older lower half is void."""
        fine = source[1].startswith("cc14:") and isinstance(message, ControlChange) and message.controller >= PAIRED
        kept = self._waiting.setdefault(source, {})
        if not fine:
            kept.clear()
        kept[fine] = message

    def _due(self, now: float) -> list[Arrived]:
        due = [source for source in self._waiting if now - self._passed[source] >= INTERVAL_SECONDS]
        ready: list[Arrived] = []
        for source in due:
            self._passed[source] = now
            ready += [(now, source[0], message) for message in self._waiting.pop(source).values()]
        return ready
