"""Knows which ports exist and handles their coming and going."""

from __future__ import annotations

from companion.session.api.events import PortChanged
from companion.session.input.midi_input import MidiInput
from companion.session.output.outbox import Outbox
from companion.session.output.playback import Playback
from companion.session.output.scheduler import Scheduler


class Ports:
    """Every port that was announced."""

    def __init__(self, midi_input: MidiInput, scheduler: Scheduler, playback: Playback, outbox: Outbox) -> None:
        self._midi_input, self._scheduler, self._playback, self._outbox = midi_input, scheduler, playback, outbox
        self._ports: dict[tuple[str, str], tuple[str, bool]] = {}  # (direction, port): label, connected

    @property
    def view(self) -> dict[str, bool]:
        """For the snapshot: "in:NAME" or "out:NAME" → connected."""
        return {f"{way}:{label or 'default'}": connected for (way, _), (label, connected) in self._ports.items()}

    def changed(self, event: PortChanged, now: float) -> None:
        """A port came or went. A lost output's notes get their note-offs when it is back."""
        place = (event.direction, event.port)
        known = self._ports.get(place)
        self._ports[place] = (event.label or event.port, event.connected)
        if event.released:
            del self._ports[place]
        if event.direction == "in":
            if not event.connected:
                self._midi_input.port_lost(event.port, now)
        elif not event.connected:
            self._scheduler.port_lost(event.port)
        else:
            self._scheduler.port_back(event.port, now)
            self._playback.send_programs(now, event.port)
            self._midi_input.output_back(event.port)
        if known is not None and known[1] != event.connected and not event.released:
            self._say(event)

    def _say(self, event: PortChanged) -> None:
        name = event.port or "the default output"
        self._outbox.count("port_losses", not event.connected)
        if event.connected:
            self._outbox.notice(f"{name} is back")
        else:
            self._outbox.notice(f"{name} is gone", "warning")
