"""One performance, sans I/O: events and times in, effects out. Everything it does follows from those alone, so it can be replayed.

    session = Session(settings, now, seed)
    session.receive(event, now)      # MIDI, the engine's answers, commands
    session.handle_timer(now)        # at next_timer(), or any time
    for effect in session.effects(): …
    session.snapshot(now)            # for a screen
    session.close(now)               # note-offs; drain effects() once more

`now` is in seconds of one monotonic clock and may not run backwards. Nothing here raises for what comes in from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from companion.session.api.events import Command, Event, MidiReceived, PortChanged
from companion.session.api.settings import SessionSettings
from companion.session.extension import Extension
from companion.session.extensions import extensions_for
from companion.session.snapshot_builder import Viewing
from companion.session.timing.internal_clock import TapTempo


class Session(Viewing):
    """See the module. seed: for the generation seeds; None takes settings.model.seed, and makes one of `now` where that is < 0."""

    def __init__(
        self,
        settings: SessionSettings,
        now: float,
        seed: int | None = None,
        extensions: Sequence[Extension] | None = None,
    ) -> None:
        chosen = settings.model.seed if seed is None else seed
        attached = extensions_for(settings) if extensions is None else extensions
        super().__init__(settings, now, chosen if chosen >= 0 else int(now * 1e6) & 0x7FFFFFFF, attached)
        self.bars_by_step = {}
        self.taps = TapTempo()
        self.learned = dict(settings.learned)
        self._thru_notes = {}
        self._pressed = set()
        self._views = {}
        self.entry_bar = self._bars_to_wait()
        for extension in self.extensions:
            extension.attached(self, now)

    def receive(self, event: Event, now: float) -> None:
        """Something happened; then everything due is done."""
        if isinstance(event, MidiReceived):
            self.advance(now)
            self.receive_midi(event.port, event.message, now)
        elif isinstance(event, Command):
            self.advance(now)
            self.receive_command(event, now)
        elif isinstance(event, PortChanged):
            self.advance(now)
            self.port_changed(event, now)
        else:
            self.receive_engine(event, now)
        self.advance(now)

    def handle_timer(self, now: float) -> None:
        """Do everything that is due by now."""
        self.advance(now)

    def close(self, now: float) -> None:
        """The last note-offs. The session is of no use afterwards."""
        self.stop_master(now)
        self._halt(now)
        self.scheduler.close(now)
        self._thru_notes.clear()
