"""The parts of a session, made in order: each is handed the ones that it needs."""

from __future__ import annotations

from companion.session.api.settings import SessionSettings
from companion.session.chords.chords import Chords
from companion.session.commands.bar_commands import BarCommands
from companion.session.commands.handlers import Group
from companion.session.commands.lane_commands import LaneCommands
from companion.session.commands.model_commands import ModelCommands
from companion.session.commands.sound_commands import SoundCommands
from companion.session.commands.switchboard import Switchboard
from companion.session.commands.transport_commands import TransportCommands
from companion.session.dials.knobs import Knobs
from companion.session.dials.values import DialValues
from companion.session.extension import Context
from companion.session.extensions import Extensions
from companion.session.input.capture import Capture
from companion.session.input.controls import LearnedControls
from companion.session.input.heard_form import HeardForm
from companion.session.input.midi_input import MidiInput
from companion.session.input.routing import EchoGuard
from companion.session.input.surface import ControlSurface
from companion.session.input.thru import Thru
from companion.session.input.zone_faults import check_key_zones
from companion.session.input.zones import Zones
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
from companion.session.requests.request import CurrentRequest
from companion.session.requests.requests import Requests
from companion.session.requests.side_requests import SideRequests
from companion.session.requests.sizing.coming_size import ComingSize
from companion.session.requests.sizing.size_choice import SizeChoice
from companion.session.requests.sizing.sizes import Sizes
from companion.session.requests.taking_over import TakingOver
from companion.session.rewriting.rewriting import Rewriting
from companion.session.sequencer import Sequencer
from companion.session.snapshots.assembly import make_snapshots
from companion.session.spare_time import SpareTime
from companion.session.takes.choice import TakeChoice
from companion.session.timing.musical_time import MusicalTime
from companion.session.timing.timeline import Timeline
from companion.session.transport.states import TransportState
from companion.session.transport.transport import Transport
from companion.session.transport.written_tempos import WrittenTempos
from companion.session.view.generation_view import GenerationViews
from companion.session.view.lane_views import LaneViews
from companion.session.view.snapshot_builder import SnapshotBuilder


class Parts:
    """One of each. seed: of the session's requests."""

    def __init__(self, settings: SessionSettings, seed: int, extensions: Extensions) -> None:
        self.seed = seed
        self.extensions = extensions
        self._make_time_and_lanes(settings)
        self._make_output(settings)
        self._make_chords(settings)
        self._make_requests(settings)
        self._make_what_follows(settings)
        self._make_transport(settings)
        self._make_input(settings)
        self._make_views()

    def context(self) -> Context:
        """What extensions see."""
        return Context(
            performance=self.performance,
            time=self.time,
            lanes=self.lanes,
            capture=self.capture,
            plan=self.plan,
            course=self.transport,
            voices=self.playback,
            spare=self.spare,
            notice=self.outbox.notice,
            emit=self.outbox.emit,
            section_end=self.extensions.section_end,
            chords=self.chords.known_spans,
            first_song_bar=self.extensions.first_song_bar,
        )

    def _make_time_and_lanes(self, settings: SessionSettings) -> None:
        self.echoes = EchoGuard()
        self.outbox = Outbox(self.echoes.note_sent)
        self.lanes = Lanes(settings.tracks)
        songbook = SongBook(settings.song, settings.clock.time_signature)
        songbook.transpose_to(settings.practice.transpose)
        self.timeline = Timeline(songbook.meter_at, self.extensions.next_song_bar)
        self.time = MusicalTime(
            settings.clock.source, settings.clock.bpm, songbook, self.timeline, settings.practice.tempo_factor
        )
        self.spare = SpareTime(self.time)
        self.transport_state = TransportState()
        with_song = settings.song is not None
        self.performance = Performance(self.timeline, self.transport_state, settings.wait_bars, with_song)

    def _make_output(self, settings: SessionSettings) -> None:
        self.plan = Plan()
        self.capture = Capture(self.timeline)
        self.scheduler = Scheduler(self.outbox.emit, settings.output_latency_seconds, self.lanes.may_sound)
        clock = settings.clock
        self.metronome = Metronome(
            self.timeline, self.scheduler, clock.click, clock.click_channel, self.time.songbook.is_pickup
        )
        self.decisions = Decisions(self.performance, self.time, self.lanes, self.plan, self.extensions)
        self.song_controls = SongControls(settings.song, self.lanes, self.time, self.scheduler, self.outbox)
        self.playback = Playback(
            self.performance,
            self.time,
            self.lanes,
            self.plan,
            self.capture,
            self.decisions,
            self.scheduler,
            self.metronome,
            self.song_controls,
            self.outbox,
            self.extensions.loudness,
        )

    def _make_chords(self, settings: SessionSettings) -> None:
        self.form = HeardForm(self.capture, self.lanes, self.performance, self.time)
        self.chords = Chords(
            settings.chords,
            self.capture,
            self.lanes,
            self.performance,
            self.time,
            self.form,
            self.outbox,
            lambda zones: check_key_zones(self.zones.zones, zones),
        )

    def _make_requests(self, settings: SessionSettings) -> None:
        self.engine = Engine(settings.model)
        self.sizes = Sizes(settings.lead_margin, settings.lead_floor_seconds)
        self.size_choice = SizeChoice(self.sizes, self.engine, self.decisions, self.time, self.outbox)
        self.jobs = JobMaker(
            self.engine,
            self.performance,
            self.time,
            self.lanes,
            self.plan,
            self.capture,
            self.form,
            self.chords,
            self.extensions,
            self.spare,
            self.outbox,
            self.seed,
            lambda: self.rewriting.is_on,
        )
        self.coming = ComingSize(
            self.engine, self.sizes, self.size_choice, self.jobs, self.decisions, self.time, self.outbox
        )
        self.current = CurrentRequest(self.sizes, self.outbox)
        self.requests = Requests(
            self.engine,
            self.sizes,
            self.coming,
            self.current,
            self.jobs,
            self.performance,
            self.time,
            self.lanes,
            self.plan,
            self.decisions,
            self.playback,
            self.scheduler,
            self.form,
            self.chords,
            self.spare,
            self.outbox,
        )

    def _make_what_follows(self, settings: SessionSettings) -> None:
        """What goes out beside the requests for whole bars, and what becomes of the answers."""
        self.side = SideRequests(
            self.engine, self.jobs, self.current, self.coming, self.requests, self.playback, self.time, self.lanes
        )
        self.head_start = HeadStart(
            self.engine, self.requests, self.performance, self.time, self.lanes, self.plan, self.extensions
        )
        self.rewriting = Rewriting(
            settings.rewrite,
            self.performance,
            self.time,
            self.lanes,
            self.form,
            self.chords,
            self.plan,
            self.decisions,
            self.playback,
            self.requests,
            self.side,
            self.extensions,
            self.outbox,
        )
        self.taking_over = TakingOver(
            self.sizes, self.size_choice, self.requests, self.performance, self.time, self.plan, self.outbox
        )
        self.takes = TakeChoice(
            self.performance, self.lanes, self.plan, self.decisions, self.requests, self.side, self.outbox
        )
        self.answers = Answers(
            self.engine,
            self.sizes,
            self.jobs,
            self.current,
            self.requests,
            self.head_start,
            self.lanes,
            self.plan,
            self.playback,
            self.rewriting,
            self.taking_over,
            self.takes,
            self.outbox,
        )

    def _make_transport(self, settings: SessionSettings) -> None:
        self.tempos = tempos = WrittenTempos(self.time, self.performance)
        self.transport = Transport(
            self.transport_state,
            settings.clock,
            self.time,
            self.performance,
            tempos,
            self.playback,
            self.decisions,
            self.metronome,
            self.plan,
            self.requests,
            self.head_start,
            self.capture,
            self.extensions,
            self.outbox,
        )
        self.sequencer = Sequencer(
            self.time,
            self.performance,
            self.transport,
            tempos,
            self.playback,
            self.scheduler,
            self.requests,
            self.taking_over,
            self.rewriting,
            self.extensions,
            self.spare,
        )

    def _make_input(self, settings: SessionSettings) -> None:
        values = DialValues(self.engine, self.time, self.lanes, self.rewriting, self.extensions)
        self.knobs = Knobs(settings.knobs, values, self.outbox)
        self.surface = ControlSurface(LearnedControls(settings.learned, self.outbox), self.knobs, self.lanes)
        self.zones = Zones(settings.zones, self.lanes, lambda: self.chords.zone.zones)
        self.thru = Thru(settings.thru, self.scheduler, self.outbox)
        self.sound = SoundCommands(self.scheduler, self.thru, self.time.songbook)
        self.settings, self.set_list = make_snapshots(settings, self, self.context, lambda: self.switchboard)
        groups: tuple[Group, ...] = (
            TransportCommands(self.transport, self.time, self.performance, self.metronome, self.outbox.emit),
            BarCommands(
                self.performance,
                self.lanes,
                self.plan,
                self.decisions,
                self.engine,
                self.requests,
            ),
            LaneCommands(self.lanes, self.playback),
            ModelCommands(self.engine, self.requests, self.rewriting, self.outbox),
            self.chords,
            self.takes,
            self.sound,
            self.surface,
            self.zones,
        )
        self.switchboard = Switchboard(groups, self.extensions, self.outbox)
        self.commands = self.switchboard.commands
        self.midi_input = MidiInput(
            self.lanes,
            self.performance,
            self.time,
            self.transport,
            self.capture,
            self.surface,
            self.zones,
            self.chords,
            self.thru,
            self.echoes,
            self.extensions,
            self.outbox,
            self.commands.receive,
            settings.input_latency_seconds,
        )
        self.ports = Ports(self.midi_input, self.scheduler, self.playback, self.outbox)

    def _make_views(self) -> None:
        self.snapshots = SnapshotBuilder(
            time=self.time,
            performance=self.performance,
            transport=self.transport,
            lane_views=LaneViews(self.lanes, self.performance, self.time, self.plan, self.capture, self.scheduler),
            generation_views=GenerationViews(self.engine, self.sizes, self.coming, self.requests, self.decisions),
            engine=self.engine,
            decisions=self.decisions,
            rewriting=self.rewriting,
            capture=self.capture,
            scheduler=self.scheduler,
            metronome=self.metronome,
            thru=self.thru,
            surface=self.surface,
            knobs=self.knobs,
            zones=self.zones,
            sound=self.sound,
            chords=self.chords,
            ports=self.ports,
            extensions=self.extensions,
            outbox=self.outbox,
            seed=self.seed,
        )
