"""A stage in simulated time: a session, a fake engine that takes as long as it is told, a master clock, and an ear.

The engine answers every Generate with a few notes per target, decoded evenly over its time, and obeys Cancel. The ear keeps every
message sent, and can tell which notes were left sounding.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from companion.midi.messages import ClockContinue, ClockStart, ClockStop, ClockTick, NoteOff, NoteOn
from companion.music import Note, TimeSignature
from companion.runtime.recording.documents import from_json, to_json
from companion.session import Session
from companion.session.api.commands import Command, attempt, command
from companion.session.api.effects import Cancel, Effect, Generate, Job, LoadModel, Prefill, SendMidi
from companion.session.api.events import (
    BarGenerated,
    CheckpointInfo,
    EngineReady,
    Event,
    GenerationFinished,
    MidiReceived,
    NoteGenerated,
)
from companion.session.api.settings import ClockSettings, ModelSettings, SessionSettings, TrackSettings

METERS = "1/2 1/4 1/8 1/16 2/1 2/2 2/4 2/8 3/1 3/2 3/4 3/8 4/2 4/4 4/8 5/4 5/8 6/2 6/4 6/8 7/4 7/8 8/4 8/8 9/4 9/8 9/16"
METERS += " 10/4 10/8 11/8 12/4 12/8 13/16 15/16 16/4 17/16"
ALL_METERS = tuple(TimeSignature.parse(text) for text in METERS.split())
CHECKPOINT = CheckpointInfo(
    name="yellow",
    engine="fake",
    num_bars_map=(4, 8),
    mask_modes=("attention",),
    microtiming=False,
    velocity_levels=32,
    resolution=12,
    time_signatures=ALL_METERS,
    attributes=("note_density", "min_polyphony", "max_polyphony"),
)
READY = EngineReady(CHECKPOINT, ((4, 0.1), (8, 0.15)))

Answer = Callable[[Job, int], Iterable[Note]]


def four_to_the_bar(job: Job, target: int) -> list[Note]:
    """A quarter note on every beat, its pitch telling which request it came from."""
    track, bar = job.targets[target]
    beats = int(job.window.tracks[track].bars[bar].time_signature.beats)
    return [Note(480 * beat, 400, 36 + (job.request_id + beat) % 40, 90) for beat in range(max(beats, 1))]


def wish(name: str, /, **arguments: Any) -> Command:
    """A command that may be a foolish one: what cannot be made is refused by the session, with a notice."""
    return attempt(command, name, **arguments)


@dataclass
class Stage:
    """`at(time, event)` queues what happens; `run(until)` lets it happen, timers and engine included."""

    settings: SessionSettings
    engine_seconds: float | Callable[[Job], float] = 0.2
    answer: Answer = four_to_the_bar
    seed: int = 7
    start_seconds: float = 100.0
    extensions: Any = None
    now: float = field(init=False)
    session: Session = field(init=False)
    log: list[tuple[float, Effect]] = field(default_factory=list)
    calls: list[tuple[float, Event | None]] = field(default_factory=list)  # None: the timer
    record: bool = True
    load_seconds: float = 0.5

    def __post_init__(self) -> None:
        self.now = self.start_seconds
        self.session = Session(self.settings, self.now, self.seed, self.extensions)
        self._queue: list[tuple[float, int, int, Event]] = []
        self._serial = 0
        self._cancelled: set[int] = set()
        self.sounding: Counter[tuple[str, int, int]] = Counter()
        self.double_ons = 0
        self.stray_offs = 0
        self.late_seconds = 0.0
        self.loads = 0

    def at(self, seconds: float, event: Event, request: int = 0) -> None:
        """seconds: from the start of the stage."""
        self._serial += 1
        heapq.heappush(self._queue, (self.start_seconds + seconds, self._serial, request, event))

    def midi(self, seconds: float, message: Any, port: str = "keys") -> None:
        """A message in."""
        self.at(seconds, MidiReceived(port, message))

    def play(self, seconds: float, key: int, length: float, velocity: int = 80, channel: int = 0) -> None:
        """A human's note."""
        self.midi(seconds, NoteOn(channel, key, velocity))
        self.midi(seconds + length, NoteOff(channel, key))

    def clock(
        self, first_tick: float, ticks: int, bpm: float = 120.0, *, start: bool = True, stop: bool = False
    ) -> float:
        """A master: Start (or nothing), ticks, Stop. Returns the time of the tick that would follow."""
        period = 60 / (24 * bpm)
        if start:
            self.midi(first_tick - 0.001, ClockStart(), "clock")
        for tick in range(ticks):
            self.midi(first_tick + tick * period, ClockTick(), "clock")
        if stop:
            self.midi(first_tick + ticks * period - 0.001, ClockStop(), "clock")
        return first_tick + ticks * period

    def go_on(self, first_tick: float, ticks: int, bpm: float = 120.0) -> float:
        """Continue and ticks."""
        self.midi(first_tick - 0.001, ClockContinue(), "clock")
        return self.clock(first_tick, ticks, bpm, start=False)

    def run(self, until: float) -> None:
        """Simulate up to `until` seconds from the start."""
        end = self.start_seconds + until
        while True:
            timer = self.session.next_timer()
            event_time = self._queue[0][0] if self._queue else float("inf")
            timer_time = max(self.now, timer) if timer is not None else float("inf")
            self.now = min(event_time, timer_time)
            if self.now > end:
                self.now = end
                return
            if event_time <= timer_time:
                _, _, request, event = heapq.heappop(self._queue)
                if request and request in self._cancelled:
                    continue
                self.calls.append((self.now, event))
                self.session.receive(event, self.now)
            else:
                self.calls.append((self.now, None))
                self.session.handle_timer(self.now)
            self.drain()

    def close(self) -> None:
        """The end."""
        self.session.close(self.now)
        self.drain()

    def drain(self) -> None:
        """Carry out what the session asks for."""
        for effect in self.session.effects():
            if self.record:
                self.log.append((self.now, effect))
            if isinstance(effect, SendMidi):
                self._hear(effect)
            elif isinstance(effect, Generate):
                self._generate(effect.job)
            elif isinstance(effect, Cancel):
                self._cancelled.add(effect.request_id)
            elif isinstance(effect, LoadModel):
                self.loads += 1
                ready = replace(READY, checkpoint=replace(CHECKPOINT, name=effect.model.checkpoint))
                self.at(self.now - self.start_seconds + self.load_seconds, ready)

    def replayed(self) -> list[SendMidi]:
        """What a new session sends that is given the same calls, each event read back from a line of a log."""
        session = Session(from_json(to_json(self.settings)), self.start_seconds, self.seed)
        sent: list[SendMidi] = []
        for now, event in self.calls:
            if event is None:
                session.handle_timer(now)
            elif isinstance(event, MidiReceived):
                session.receive(event, now)
            else:
                session.receive(from_json(to_json(event)), now)
            sent += [effect for effect in session.effects() if isinstance(effect, SendMidi)]
        return sent

    def heard(self) -> list[SendMidi]:
        """What this session has sent."""
        return [effect for _, effect in self.log if isinstance(effect, SendMidi)]

    def _hear(self, effect: SendMidi) -> None:
        message = effect.message
        if isinstance(message, NoteOn):
            key = (effect.port, message.channel, message.key)
            self.double_ons += self.sounding[key] > 0
            self.sounding[key] += 1
            self.late_seconds = max(self.late_seconds, self.now - effect.due_seconds)
        elif isinstance(message, NoteOff):
            key = (effect.port, message.channel, message.key)
            self.stray_offs += self.sounding[key] < 1
            self.sounding[key] -= 1

    def _generate(self, job: Job) -> None:
        whole = self.engine_seconds(job) if callable(self.engine_seconds) else self.engine_seconds
        begin = self.now - self.start_seconds
        events: list[Event] = []
        for number, (track, bar) in enumerate(job.targets):
            lane, at = job.tracks[track], job.first_bar + bar
            for take in range(job.takes):
                events += [NoteGenerated(job.request_id, lane, at, note, take) for note in self.answer(job, number)]
                events.append(BarGenerated(job.request_id, lane, at, take))
        for number, event in enumerate(events, 1):
            self.at(begin + whole * number / len(events), event, job.request_id)
        self.at(begin + whole, GenerationFinished(job.request_id, whole), job.request_id)

    # -- what was heard -----------------------------------------------------------------------------------------------

    def sent(self, kind: Any = NoteOn, source: int | None = None) -> list[tuple[float, SendMidi]]:
        """(seconds from the start when due, effect) of messages of one kind."""
        return [
            (effect.due_seconds - self.start_seconds, effect)
            for _, effect in self.log
            if isinstance(effect, SendMidi)
            and isinstance(effect.message, kind)
            and (source is None or effect.source == source)
        ]

    def jobs(self, kind: type = Generate) -> list[tuple[float, Any]]:
        """(seconds from the start, Generate or Prefill effect)."""
        assert kind in (Generate, Prefill)
        return [(time - self.start_seconds, effect) for time, effect in self.log if isinstance(effect, kind)]

    @property
    def hanging(self) -> int:
        """Notes that are on and have had no off."""
        return sum(count for count in self.sounding.values() if count > 0)


def duo(**changes: Any) -> SessionSettings:
    """A pianist and a bass."""
    fields: dict[str, Any] = {
        "tracks": (TrackSettings("me", "human"), TrackSettings("bass", "companion", program=33, channel=1)),
        "clock": ClockSettings(),
        "model": ModelSettings(),
    }
    return SessionSettings(**{**fields, **changes})


def trio(**changes: Any) -> SessionSettings:
    """A pianist with bass, drums and strings."""
    tracks = (
        TrackSettings("me", "human"),
        TrackSettings("bass", "companion", program=33, channel=1),
        TrackSettings("drums", "companion", is_drum=True, channel=9),
        TrackSettings("strings", "companion", program=48, channel=2),
    )
    return duo(tracks=tracks, **changes)
