"""The state that all parts of a session share, and the few things every part does with it.

A session is made of layers, each a class on the one before: SessionCore (state, time, effects) < Playing (bars become notes) <
Generating (requests) < Answering (the engine's answers) < Preparing (a song's first bar) < Transport (clock, bar lines) <
Listening (incoming MIDI) < LaneCommands < Commanding (the player's wishes) < Viewing < Session.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Literal

from companion.midi.messages import ChannelMessage, ClockMessage, NoteOn
from companion.music import TimeSignature
from companion.session.api.effects import Effect, Notice, SendMidi
from companion.session.api.settings import SessionSettings
from companion.session.extension import Extension
from companion.session.input.capture import Capture
from companion.session.input.form import FormMemory
from companion.session.input.routing import EchoGuard, MasterChoice, Router
from companion.session.lanes import Lane, audible, make_lanes
from companion.session.output.plan import Plan
from companion.session.output.scheduler import CLICK, Scheduler
from companion.session.practice.songbook import SongBook
from companion.session.requests.lead_time import Deadlines
from companion.session.timing.external_clock import ExternalClock
from companion.session.timing.internal_clock import InternalClock
from companion.session.timing.timeline import Timeline

NEVER = math.inf


class SessionCore:
    """Shared state; see the module. Bars are session bars, positions session beats, unless they say otherwise."""

    def __init__(self, settings: SessionSettings, now: float, seed: int, extensions: Sequence[Extension]) -> None:
        self.settings = settings
        self.seed = seed
        self.extensions = tuple(extensions)
        self.lanes: list[Lane] = make_lanes(settings.tracks)
        self.router = Router(self.lanes)
        self.echoes = EchoGuard()
        self.masters = MasterChoice()
        self.songbook = SongBook(settings.song, settings.clock.time_signature)
        self.songbook.transpose = settings.practice.transpose
        self.tempo_factor = settings.practice.tempo_factor
        self.timeline = Timeline(self._meter_of, self._song_bar_after)
        self.capture = Capture(self.timeline)
        self.plan = Plan()
        self.form = FormMemory()
        self.deadlines = Deadlines(settings.lead_margin, settings.lead_floor_seconds)
        self.scheduler = Scheduler(self.emit, settings.output_latency_seconds)
        self.scheduler.allowed = self._may_sound
        self.input_latency = dict(settings.input_latency_seconds)
        bpm = self.songbook.bpm_at(0)
        self.clock: ExternalClock | InternalClock = self._make_clock(
            settings.clock.source, settings.clock.bpm if bpm is None else bpm * self.tempo_factor
        )
        self.offset_beats = 0.0  # session position = clock position + offset
        self.bar = -1  # whose bar line was passed last
        self.committed_bar = -1
        self.context_bar = 0  # the first bar that counts as heard
        self.running = False
        self.click = settings.clock.click
        self.thru = settings.thru
        self.wait_bars = settings.wait_bars
        self.ports: dict[tuple[str, str], tuple[str, bool]] = {}  # (direction, port): label, connected
        self.counters: Counter[str] = Counter()
        self._last_notice = ""
        self._effects: deque[Effect] = deque()

    # -- time ---------------------------------------------------------------------------------------------------------

    def position(self, now: float) -> float:
        """Where we are."""
        return self.clock.position_at(now) + self.offset_beats

    def to_seconds(self, position: float) -> float:
        """When a position is due, by the clock's prediction."""
        return self.clock.seconds_at(position - self.offset_beats)

    def bar_seconds(self, bar: int) -> float:
        """How long a bar lasts at the present tempo."""
        return float(self.timeline.meter(bar).beats) * 60 / self.clock.bpm

    @property
    def is_master(self) -> bool:
        """Whether the clock is ours."""
        return isinstance(self.clock, InternalClock)

    def _make_clock(self, source: str, bpm: float) -> ExternalClock | InternalClock:
        return InternalClock(bpm) if source == "internal" else ExternalClock(bpm)

    def _meter_of(self, song_bar: int) -> TimeSignature:
        return self.songbook.meter(song_bar) or self.songbook.default_meter

    def song_bar_of(self, bar: int) -> int:
        """The song bar of a session bar; before the first that counts as heard, counted back from there (may be negative)."""
        if bar >= self.context_bar:
            return self.timeline.song_bar(bar)
        return self.timeline.song_bar(self.context_bar) - (self.context_bar - bar)

    def _first_song_bar(self, song_bar: int) -> int:
        for extension in self.extensions:
            first = extension.first_song_bar(self, song_bar)
            if first is not None:
                return first
        return song_bar

    def _song_bar_after(self, song_bar: int) -> int:
        for extension in self.extensions:
            following = extension.next_song_bar(self, song_bar)
            if following is not None:
                return following
        return song_bar + 1

    # -- lanes --------------------------------------------------------------------------------------------------------

    def lanes_of(self, *roles: str) -> Iterator[Lane]:
        """Lanes with one of these roles that still exist."""
        return (lane for lane in self.lanes if lane.role in roles and not lane.removed)

    def _may_sound(self, lane: int) -> bool:
        return lane == CLICK or audible(self.lanes[lane], self.lanes)

    def _lanes_changed(self) -> None:
        self.router = Router(self.lanes)

    # -- effects ------------------------------------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """Drain what is to be done, in order."""
        drained = list(self._effects)
        self._effects.clear()
        return drained

    def emit(self, effect: Effect) -> None:
        """Have something done by the shell."""
        if isinstance(effect, SendMidi) and isinstance(effect.message, NoteOn):
            self.echoes.note_sent(effect.port, effect.message, effect.due_seconds)
        self._effects.append(effect)

    def send(self, port: str, message: ChannelMessage | ClockMessage, due: float, source: int = -1) -> None:
        """A message that is no tracked note."""
        self.emit(SendMidi(port, message, due, source))

    def notice(self, text: str, level: Literal["info", "warning", "error"] = "info") -> None:
        """One line for the player; the same line twice in a row is said once."""
        if text == self._last_notice:
            return
        self._last_notice = text
        self.emit(Notice(level, text))
