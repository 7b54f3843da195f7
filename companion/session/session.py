"""One performance, sans I/O: events and times in, effects out. Its behaviour depends on these alone, so it can be replayed.

    session = Session(settings, now, seed)
    session.receive(event, now)      # MIDI, the engine's answers, commands
    session.handle_timer(now)        # at next_timer(), or any time
    for effect in session.effects(): …
    session.snapshot(now)            # for a screen
    session.settings()               # for a preset
    session.close(now)               # note-offs; drain effects() once more

`now` is in seconds of one monotonic clock and may not run backwards. No external input raises an exception.

A session is made of parts, each with its own state, which only that part writes. A part is handed the parts it needs:

    Outbox           effects, notices, counters          Performance      which bar sounds, is decided, counts as heard
    Lanes            who plays                           MusicalTime      clock, bars and song: beats, bars, seconds
    Plan             what our lanes will play            Decisions        what a bar takes from the plan, and when none is asked
    Capture          what the humans played              HeardForm        what they will probably play
    Chords           which chord each bar has            Rewriting        the rest of a bar that the player contradicts
    SpareTime        what may wait until no note is near
    Scheduler        what waits and what sounds          Playback         decided bars become sound
    SongControls     what a song says beside its notes
    Engine           what the engine is                  Requests         what it is asked; JobMaker, HeadStart, Answers,
                                                                          TakingOver (from another machine)
    TransportState   what the music does                 Transport        starts, stops and jumps
    ControlSurface   learned switches and knobs       DialValues       what the dials stand at
    Zones            which keys play which part
    MidiInput        what comes in                       Commands         what the player asks for
    Extensions       practising, trading                 Sequencer        does what is due
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from companion.session.api.commands import Command
from companion.session.api.effects import Effect
from companion.session.api.events import EngineReady, Event, MachineSlept, MidiReceived, PortChanged
from companion.session.api.lane_commands import Panic
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot
from companion.session.extension import Extension
from companion.session.extensions import Extensions, extensions_for
from companion.session.parts import Parts
from companion.session.timing.external_clock import ExternalClock
from companion.session.timing.internal_clock import InternalClock


class Session:
    """See the module. seed: for the generation seeds; None takes settings.model.seed, and makes one of `now` where that is < 0.

    commands, performance, lanes, timeline, plan, capture, scheduler: parts that reports and tests look at.
    """

    def __init__(
        self,
        settings: SessionSettings,
        now: float,
        seed: int | None = None,
        extensions: Sequence[Extension] | None = None,
    ) -> None:
        chosen = settings.model.seed if seed is None else seed
        seed = chosen if chosen >= 0 else int(now * 1e6) & 0x7FFFFFFF
        parts = Parts(settings, seed, Extensions(extensions_for(settings) if extensions is None else extensions))
        self._parts = parts
        self.commands, self.performance, self.lanes = parts.commands, parts.performance, parts.lanes
        self.timeline, self.plan, self.capture, self.scheduler = (
            parts.timeline,
            parts.plan,
            parts.capture,
            parts.scheduler,
        )
        parts.extensions.attach(parts.context(), now)

    # -- from outside -------------------------------------------------------------------------------------------------

    def receive(self, event: Event, now: float) -> None:
        """Handle an event, then do everything that is due."""
        if isinstance(event, MidiReceived):
            self._parts.sequencer.advance(now)
            self._parts.midi_input.receive(event.port, event.message, now)
        elif isinstance(event, Command):
            self._parts.sequencer.advance(now)
            self._parts.commands.receive(event, now)
        elif isinstance(event, PortChanged):
            self._parts.sequencer.advance(now)
            self._parts.ports.changed(event, now)
        elif isinstance(event, MachineSlept):
            self._woke(event, now)
        else:
            self._parts.answers.receive(event, now)
            if isinstance(event, EngineReady):
                self._parts.set_list.prepare()
        self._parts.sequencer.advance(now)

    def _woke(self, event: MachineSlept, now: float) -> None:
        """The machine has slept during a performance: first end all notes, on every channel used."""
        was_running = self.running
        self._parts.commands.receive(Panic(), now)
        self._parts.transport.wake(now)
        if was_running:
            text = f"the machine slept for {event.seconds:.0f} s: the music starts afresh"
            self._parts.outbox.notice(text, "warning")

    def handle_timer(self, now: float) -> None:
        """Do everything that is due by now."""
        self._parts.sequencer.advance(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` is needed next; None = only when an event comes."""
        return self._parts.sequencer.next_timer()

    def effects(self) -> list[Effect]:
        """Return the effects in order, and forget them."""
        return self._parts.outbox.drain()

    def snapshot(self, now: float) -> Snapshot:
        """Everything that a screen may show, at `now`."""
        return self._parts.snapshots.snapshot(now)

    def settings(self) -> SessionSettings:
        """The present value of every setting. A session that begins with these settings is set like this one."""
        return self._parts.settings.read_all()

    def close(self, now: float) -> None:
        """Send the last note-offs. The session cannot be used afterwards."""
        self._parts.transport.close(now)
        self._parts.scheduler.close(now)
        self._parts.thru.forget()

    # -- for reports and tests ----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether time runs."""
        return self._parts.performance.running

    @property
    def clock_source(self) -> tuple[str, float, float]:
        """(the ClockSource followed, the tempo in BPM, quarter notes in the bar that sounds)."""
        time = self._parts.time
        bar = max(self._parts.performance.bar, 0)
        return time.source, time.clock.bpm, float(time.timeline.meter(bar).beats)

    @property
    def clock(self) -> ExternalClock | InternalClock:
        """The clock in use."""
        return self._parts.time.clock

    @property
    def counters(self) -> Counter[str]:
        """The counters by name."""
        return self._parts.outbox.counters

    @property
    def bars_by_step(self) -> dict[str, int]:
        """Companion bars so far, by the step of the ladder that they came from."""
        return self._parts.decisions.bars_by_step

    @property
    def knob_messages(self) -> Mapping[str, str]:
        """The names of the messages that move learned knobs → the knob's name (see `control_names`)."""
        return self._parts.knobs.messages

    @property
    def kept_bar(self) -> int | None:
        """The bar that is repeated instead of generating."""
        return self._parts.decisions.kept_bar
