"""One performance, sans I/O: events and times in, effects out. Everything it does follows from those alone, so it can be replayed.

    session = Session(settings, now, seed)
    session.receive(event, now)      # MIDI, the engine's answers, commands
    session.handle_timer(now)        # at next_timer(), or any time
    for effect in session.effects(): …
    session.snapshot(now)            # for a screen
    session.close(now)               # note-offs; drain effects() once more

`now` is in seconds of one monotonic clock and may not run backwards. Nothing here raises for what comes in from outside.

A session is made of parts, each with its own state, which only that part writes. A part is handed the parts it needs:

    Outbox           effects, notices, counters          Performance      which bar sounds, is decided, counts as heard
    Lanes            who plays                           MusicalTime      clock, bars and song: beats, bars, seconds
    Plan             what our lanes will play            Decisions        what a bar takes from the plan, and when none is asked
    Capture          what the humans played              HeardForm        what they will probably play
    Chords           which chord each bar has
    Scheduler        what waits and what sounds          Playback         decided bars become sound
    SongControls     what a song says beside its notes
    Engine           what the engine is                  Requests         what it is asked; JobMaker, HeadStart, Answers
    TransportState   what the music does                 Transport        starts, stops and jumps
    MidiInput        what comes in                       Commands         what the player asks for
    Extensions       practising, trading                 Sequencer        does what is due
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from companion.session.api.commands import Command, Panic
from companion.session.api.effects import Effect
from companion.session.api.events import Event, MachineSlept, MidiReceived, PortChanged
from companion.session.api.settings import SessionSettings
from companion.session.api.snapshot import Snapshot
from companion.session.chords.chords import Chords
from companion.session.commands.bar_commands import BarCommands
from companion.session.commands.handlers import Commands
from companion.session.commands.lane_commands import LaneCommands
from companion.session.commands.model_commands import ModelCommands
from companion.session.commands.sound_commands import SoundCommands
from companion.session.commands.transport_commands import TransportCommands
from companion.session.extension import Context, Extension
from companion.session.extensions import Extensions, extensions_for
from companion.session.input.capture import Capture
from companion.session.input.controls import LearnedControls
from companion.session.input.heard_form import HeardForm
from companion.session.input.midi_input import MidiInput
from companion.session.input.routing import EchoGuard
from companion.session.input.thru import Thru
from companion.session.lanes import Lanes
from companion.session.output.click import Metronome
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.plan import Plan
from companion.session.output.playback import Playback
from companion.session.output.scheduler import Scheduler
from companion.session.output.song_controls import SongControls
from companion.session.performance import Performance
from companion.session.ports import Ports
from companion.session.practice.songbook import SongBook
from companion.session.requests.answers import Answers
from companion.session.requests.engine import Engine
from companion.session.requests.head_start import HeadStart
from companion.session.requests.jobs import JobMaker
from companion.session.requests.requests import Requests
from companion.session.requests.size_choice import SizeChoice
from companion.session.requests.sizes import Sizes
from companion.session.sequencer import Sequencer
from companion.session.timing.external_clock import ExternalClock
from companion.session.timing.internal_clock import InternalClock
from companion.session.timing.musical_time import MusicalTime
from companion.session.timing.timeline import Timeline
from companion.session.transport.states import TransportState
from companion.session.transport.transport import Transport
from companion.session.transport.written_tempos import WrittenTempos
from companion.session.view.generation_view import GenerationViews
from companion.session.view.lane_views import LaneViews
from companion.session.view.snapshot_builder import SnapshotBuilder


class Session:
    """See the module. seed: for the generation seeds; None takes settings.model.seed, and makes one of `now` where that is < 0."""

    def __init__(
        self,
        settings: SessionSettings,
        now: float,
        seed: int | None = None,
        extensions: Sequence[Extension] | None = None,
    ) -> None:
        chosen = settings.model.seed if seed is None else seed
        self._seed = chosen if chosen >= 0 else int(now * 1e6) & 0x7FFFFFFF
        self._extensions = Extensions(extensions_for(settings) if extensions is None else extensions)
        self._make_time_and_lanes(settings)
        self._make_output(settings)
        self._make_requests(settings)
        self._make_transport(settings)
        self._make_input(settings)
        self._make_views()
        self._extensions.attach(self._context(), now)

    # -- the parts ----------------------------------------------------------------------------------------------------

    def _make_time_and_lanes(self, settings: SessionSettings) -> None:
        self._echoes = EchoGuard()
        self._outbox = Outbox(self._echoes.note_sent)
        self.lanes = Lanes(settings.tracks)
        songbook = SongBook(settings.song, settings.clock.time_signature)
        songbook.transpose_to(settings.practice.transpose)
        self.timeline = Timeline(
            lambda song_bar: songbook.meter(song_bar) or songbook.default_meter, self._extensions.next_song_bar
        )
        self._time = MusicalTime(
            settings.clock.source, settings.clock.bpm, songbook, self.timeline, settings.practice.tempo_factor
        )
        self._transport_state = TransportState()
        with_song = settings.song is not None
        self.performance = Performance(self.timeline, self._transport_state, settings.wait_bars, with_song)

    def _make_output(self, settings: SessionSettings) -> None:
        self.plan = Plan()
        self.capture = Capture(self.timeline)
        self.scheduler = Scheduler(self._outbox.emit, settings.output_latency_seconds, self.lanes.may_sound)
        clock = settings.clock
        self._metronome = Metronome(
            self.timeline, self.scheduler, clock.click, clock.click_channel, self._time.songbook.is_pickup
        )
        self._decisions = Decisions(self.performance, self._time, self.lanes, self.plan, self._extensions)
        controls = SongControls(settings.song, self.lanes, self._time, self.scheduler, self._outbox)
        self._playback = Playback(
            self.performance,
            self._time,
            self.lanes,
            self.plan,
            self.capture,
            self._decisions,
            self.scheduler,
            self._metronome,
            controls,
            self._outbox,
            self._extensions.loudness,
        )

    def _make_requests(self, settings: SessionSettings) -> None:
        self._engine = Engine(settings.model)
        self._sizes = Sizes(settings.lead_margin, settings.lead_floor_seconds)
        choice = SizeChoice(self._sizes, self._engine, self._decisions, self._time, self._outbox)
        form = HeardForm(self.capture, self.lanes, self.performance, self._time)
        self._chords = Chords(
            settings.chords, self.capture, self.lanes, self.performance, self._time, form, self._outbox
        )
        jobs = JobMaker(
            self._engine,
            self.performance,
            self._time,
            self.lanes,
            self.plan,
            self.capture,
            form,
            self._chords,
            self._extensions,
            self._outbox,
            self._seed,
        )
        self._requests = Requests(
            self._engine,
            self._sizes,
            choice,
            jobs,
            self.performance,
            self._time,
            self.lanes,
            self.plan,
            self._decisions,
            self._playback,
            self.scheduler,
            form,
            self._chords,
            self._outbox,
        )
        self._head_start = HeadStart(
            self._engine, self._requests, self.performance, self._time, self.lanes, self.plan, self._extensions
        )
        self._answers = Answers(
            self._engine,
            self._sizes,
            jobs,
            self._requests,
            self._head_start,
            self.lanes,
            self.plan,
            self._playback,
            self._outbox,
        )

    def _make_transport(self, settings: SessionSettings) -> None:
        tempos = WrittenTempos(self._time, self.performance)
        self._transport = Transport(
            self._transport_state,
            settings.clock,
            self._time,
            self.performance,
            tempos,
            self._playback,
            self._decisions,
            self._metronome,
            self.plan,
            self._requests,
            self._head_start,
            self.capture,
            self._extensions,
            self._outbox,
        )
        self._sequencer = Sequencer(
            self._time,
            self.performance,
            self._transport,
            tempos,
            self._playback,
            self.scheduler,
            self._requests,
            self._extensions,
        )

    def _make_input(self, settings: SessionSettings) -> None:
        self._controls = LearnedControls(settings.learned, self._outbox)
        self._thru = Thru(settings.thru, self.scheduler, self._outbox)
        self._sound = SoundCommands(self.scheduler, self._thru, self._time.songbook, self._controls)
        groups = (
            TransportCommands(self._transport, self._time, self.performance, self._metronome),
            BarCommands(
                self.performance,
                self.lanes,
                self.plan,
                self._decisions,
                self._engine,
                self._requests,
                self._outbox,
            ),
            LaneCommands(self.lanes, self._playback),
            ModelCommands(self._engine, self._requests, self._outbox),
            self._chords,
            self._sound,
            *reversed(list(self._extensions)),
        )
        self.commands = Commands([group.handlers() for group in groups], self._outbox)
        self._midi_input = MidiInput(
            self.lanes,
            self.performance,
            self._time,
            self._transport,
            self.capture,
            self._controls,
            self._chords,
            self._thru,
            self._echoes,
            self._extensions,
            self._outbox,
            self.commands.receive,
            settings.input_latency_seconds,
        )
        self._ports = Ports(self._midi_input, self.scheduler, self._playback, self._outbox)

    def _make_views(self) -> None:
        self._snapshots = SnapshotBuilder(
            time=self._time,
            performance=self.performance,
            transport=self._transport,
            lane_views=LaneViews(self.lanes, self.performance, self._time, self.plan, self.capture, self.scheduler),
            generation_views=GenerationViews(self._engine, self._sizes, self._requests, self._decisions),
            engine=self._engine,
            decisions=self._decisions,
            capture=self.capture,
            scheduler=self.scheduler,
            metronome=self._metronome,
            thru=self._thru,
            controls=self._controls,
            sound=self._sound,
            chords=self._chords,
            ports=self._ports,
            extensions=self._extensions,
            outbox=self._outbox,
            seed=self._seed,
        )

    def _context(self) -> Context:
        return Context(
            performance=self.performance,
            time=self._time,
            lanes=self.lanes,
            capture=self.capture,
            plan=self.plan,
            course=self._transport,
            voices=self._playback,
            notice=self._outbox.notice,
            emit=self._outbox.emit,
        )

    # -- from outside -------------------------------------------------------------------------------------------------

    def receive(self, event: Event, now: float) -> None:
        """Something happened; then everything due is done."""
        if isinstance(event, MidiReceived):
            self._sequencer.advance(now)
            self._midi_input.receive(event.port, event.message, now)
        elif isinstance(event, Command):
            self._sequencer.advance(now)
            self.commands.receive(event, now)
        elif isinstance(event, PortChanged):
            self._sequencer.advance(now)
            self._ports.changed(event, now)
        elif isinstance(event, MachineSlept):
            self._woke(event, now)
        else:
            self._answers.receive(event, now)
        self._sequencer.advance(now)

    def _woke(self, event: MachineSlept, now: float) -> None:
        """The machine has slept in mid-performance: what sounded then ends first, on every channel used."""
        was_running = self.performance.running
        self.commands.receive(Panic(), now)
        self._transport.wake(now)
        if was_running:
            self._outbox.notice(f"the machine slept for {event.seconds:.0f} s: the music starts afresh", "warning")

    def handle_timer(self, now: float) -> None:
        """Do everything that is due by now."""
        self._sequencer.advance(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` is needed next; None = only when an event comes."""
        return self._sequencer.next_timer()

    def effects(self) -> list[Effect]:
        """What is to be done, in order; it is then forgotten."""
        return self._outbox.drain()

    def snapshot(self, now: float) -> Snapshot:
        """Everything a screen may show, at `now`."""
        return self._snapshots.snapshot(now)

    def close(self, now: float) -> None:
        """The last note-offs. The session is of no use afterwards."""
        self._transport.close(now)
        self.scheduler.close(now)
        self._thru.forget()

    # -- for reports and tests ----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether time runs."""
        return self.performance.running

    @property
    def clock(self) -> ExternalClock | InternalClock:
        """Whose time it is."""
        return self._time.clock

    @property
    def counters(self) -> Counter[str]:
        """What was counted so far."""
        return self._outbox.counters

    @property
    def bars_by_step(self) -> dict[str, int]:
        """Companion bars so far, by the step of the ladder that they came from."""
        return self._decisions.bars_by_step

    @property
    def kept_bar(self) -> int | None:
        """The bar that is repeated instead of generating."""
        return self._decisions.kept_bar
