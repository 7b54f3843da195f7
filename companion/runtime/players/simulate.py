"""A performance in simulated time: one process, no waiting, and the same result for the same seed.

The session, the player, the engine and the model are real; only the clock is not. An engine's answer arrives
when a machine of fixed speed would have given it, so the result does not depend on how busy this machine is. On the same machine and with
the same checkpoint, a seed repeats every note and every time.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import count

from companion.midi.ports import MemoryInput
from companion.runtime.engine.worker import Worker
from companion.runtime.ipc.protocol import Setup
from companion.runtime.players.tunes import Player, TrueClock, find_player, perform
from companion.runtime.processes.realtime import POLL_SECONDS
from companion.runtime.processes.recorded_session import EngineEffect, FrontEffect, RecordedSession
from companion.runtime.processes.showing import MARK_SECONDS
from companion.runtime.recording.marks import mark_of, summary_of
from companion.runtime.recording.recorder import Log, header
from companion.runtime.recording.records import PerformanceEnded, PlayerBegan, Record
from companion.session.api.effects import AskClock, Cancel, Generate, LoadModel, Prefill, PrepareModel
from companion.session.api.events import EngineEvent, EngineReady, GenerationFinished, MidiReceived

PREFILL_SECONDS_A_TOKEN = 0.0003
DECODE_SECONDS_A_TOKEN = 0.003
TAIL_SECONDS = 0.5
START_SECONDS = 1.0
ONE_BAR_TOKENS = 40  # the simulated engine's own estimate before anything is measured


class SimulatedEngine:
    """Answers with the real model at the speed of an imagined machine."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._waiting: list[tuple[float, int, int, EngineEvent]] = []  # time, serial, request, event
        self._serial = count()
        self._busy_until = 0.0

    def ready(self) -> EngineReady:
        """The first event; generation times follow from the imagined speed."""
        info = self._worker.info()
        seconds = ONE_BAR_TOKENS * DECODE_SECONDS_A_TOKEN
        return EngineReady(
            info, tuple((dim, seconds + 50 * dim * PREFILL_SECONDS_A_TOKEN) for dim in info.num_bars_map)
        )

    def ask(self, effect: EngineEffect, now: float) -> None:
        """Do the work at once and keep the answers until their time."""
        if isinstance(effect, Cancel):
            kept = [item for item in self._waiting if item[2] != effect.request_id]
            if len(kept) < len(self._waiting):
                self._waiting, self._busy_until = kept, now
                heapq.heapify(self._waiting)
        elif isinstance(effect, Prefill):
            self._worker.prefill(effect.job)
        elif isinstance(effect, Generate):
            self._generate(effect, now)

    def _generate(self, effect: Generate, now: float) -> None:
        events: list[EngineEvent] = []
        outcome = self._worker.generate(effect.job, events.append)
        begun = max(now, self._busy_until)
        prefill = decode = 0.0
        if outcome.result is not None:
            prefill = outcome.result.new_tokens * PREFILL_SECONDS_A_TOKEN
            decode = outcome.result.generated_tokens * DECODE_SECONDS_A_TOKEN
        for number, event in enumerate(events, start=1):
            after = prefill + decode * number / len(events)
            if isinstance(event, GenerationFinished):
                first = prefill + decode / len(events)
                event = replace(event, seconds=after, prefill_seconds=prefill, first_note_seconds=first)
            heapq.heappush(self._waiting, (begun + after, next(self._serial), effect.job.request_id, event))
        self._busy_until = begun + prefill + decode

    def next_answer(self) -> float | None:
        """When the next event arrives."""
        return self._waiting[0][0] if self._waiting else None

    def take(self) -> EngineEvent:
        """The next event."""
        return heapq.heappop(self._waiting)[3]


class Simulation:
    """One recorded player's performance; `run` gives its log. player: None stands for the one that `setup` names.

    requests: everything that the session asked the engine to write.
    """

    def __init__(self, setup: Setup, worker: Worker, player: Player | None = None) -> None:
        self._setup = setup
        self._player = player or find_player(setup.player)
        self._now = 0.0
        self._engine = SimulatedEngine(worker)
        self.records: list[Record] = []
        self.requests: list[Generate] = []
        self.notices: list[FrontEffect] = []

    def send_midi(self, port: str, data: bytes, due: float) -> float | None:
        """See `Surroundings`."""
        return self._now

    def ask_engine(self, effect: EngineEffect) -> None:
        """See `Surroundings`."""
        if isinstance(effect, Generate):
            self.requests.append(effect)
        if not isinstance(effect, (LoadModel, PrepareModel)):
            self._engine.ask(effect, self._now)

    def tell_front(self, notice: FrontEffect) -> None:
        """See `Surroundings`."""
        self.notices.append(notice)

    def ask_clock(self, wish: AskClock) -> None:
        """See `Surroundings`. Simulated time has no other programs."""

    def run(self) -> Log:
        """Play it all."""
        setup = self._setup
        player = self._player
        true = TrueClock(START_SECONDS, setup.settings.clock.bpm)
        source = MemoryInput("player", perform(player, true, setup.bars, setup.manner))
        end = true.seconds_at(setup.bars * float(player.time_signature.beats)) + TAIL_SECONDS
        recorded = RecordedSession(setup.settings, self._now, self, self.records.append)
        self.records.append(PlayerBegan(self._now, true.start_seconds, true.bpm))
        recorded.receive(self._engine.ready(), self._now)
        next_mark, handled = 0.0, -1.0
        running = None
        while True:
            timer, answer, arrival = recorded.next_timer(self._now), self._engine.next_answer(), source.next_arrival()
            if timer is not None and timer <= handled:
                timer = handled + POLL_SECONDS  # as in real time, the loop is never woken at once for ever
            now = min(time for time in (timer, answer, arrival, next_mark, end) if time is not None)
            self._now = now = max(now, self._now)
            if now >= end:
                break
            if arrival is not None and arrival <= now:
                for at, message in source.poll(now):
                    recorded.receive(MidiReceived("player", message), at)
            elif answer is not None and answer <= now:
                recorded.receive(self._engine.take(), now)
            elif timer is not None and timer <= now:
                recorded.handle_timer(now)
                handled = now
            else:
                next_mark = now + MARK_SECONDS
                snapshot = recorded.session.snapshot(now)
                running = snapshot if snapshot.generation.model_dim else running
                self.records.append(mark_of(snapshot))
        recorded.close(self._now)
        summary = summary_of(recorded.session.snapshot(self._now), recorded, running)
        self.records.append(PerformanceEnded(self._now, summary))
        return Log(header(setup, 0.0), tuple(self.records))
