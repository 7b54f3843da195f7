"""The realtime process: `python -m companion.runtime.processes.realtime FRONT SUPERVISOR CONTROL` (inherited descriptors).

One loop, woken every millisecond or when something is due: MIDI in, timers, effects out. It loads no torch and no screen, writes
no file, starts no process and waits for nobody: to the front, the engine and the supervisor it has links that drop rather than block.

Who may die:

- the front: its link closes; note-offs, and this process ends. The supervisor, seeing that, finishes the recording and ends too.
- the engine: its link closes; the session hears EngineLost and plays on with what it has. The supervisor starts another engine and
  passes the end of its link through CONTROL; the engine is then told which checkpoint to load. An engine that is alive but has not
  answered long past a deadline is reported to the supervisor, which ends it.
- the supervisor: the music goes on; nothing more is recorded, ports are no longer looked for, and the engine (its child) dies with it.
- this process itself, or a MIDI driver that never returns: the supervisor misses the signs of life, kills what is left, finishes
  the recording, tells the front and ends. Notes that sound in a synthesizer then are beyond our reach.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from contextlib import suppress

from companion.midi.messages import Message
from companion.midi.ports import MemoryInput
from companion.midi.probe import Ports
from companion.runtime.front.stage import EngineEffect, FrontEffect, Stage
from companion.runtime.ipc.link import Link, adopt, take_descriptor
from companion.runtime.ipc.protocol import (
    ChoosePort,
    End,
    EngineStuck,
    LogHeader,
    LogLines,
    OwnPorts,
    Setup,
    SupervisorRemark,
)
from companion.runtime.machine.keep_awake import Cores
from companion.runtime.machine.loop_meter import LoopMeter
from companion.runtime.machine.priority import become_realtime, queued_seconds
from companion.runtime.players.tunes import TrueClock, find_player, perform
from companion.runtime.ports.connector import DriverConnector
from companion.runtime.ports.port_board import PortBoard
from companion.runtime.processes.engine_link import EngineLink
from companion.runtime.recording.log_lines import line_of
from companion.runtime.recording.marks import mark_of, summary_of
from companion.runtime.recording.recorder import header_line
from companion.runtime.recording.records import PerformanceEnded, PlayerBegan, Record, Remark
from companion.session.api.effects import Notice
from companion.session.api.events import Command, EngineLost, EngineReady, MidiReceived, PortChanged
from companion.session.api.snapshot import Snapshot

POLL_SECONDS = 0.001
# We wake so much before something is due, to have looked round and made a large chord ready by then.
AHEAD_SECONDS = 0.0015
SPIN_SECONDS = 0.0002  # of which the last part is not slept, as a sleep may end so much late
ROUNDS_WITHOUT_REST = 4
HOUSEKEEPING_SECONDS = 0.05
SNAPSHOT_SECONDS = 1 / 30
MARK_SECONDS = 0.1
QUIET_SECONDS = 0.004  # a snapshot is only taken when nothing is due for so long
PLAYER_PATIENCE_SECONDS = 120.0  # a recorded player waits so long for the engine, then begins without
PLAYER_LEAD_SECONDS = 0.7
COLLECT_SECONDS = 2.0
clock = time.monotonic


class Realtime:
    """The loop and its surroundings."""

    def __init__(self, setup: Setup, front: Link, supervisor: Link, control: object, early: list[object]) -> None:
        self._setup = setup
        self._front, self._supervisor, self._control = front, supervisor, control
        self._engine = EngineLink(setup.settings.model)
        self._records: list[Record] = []
        self._lines = 0  # of the log, so far
        self._early = early  # from the supervisor, not looked at yet
        self._player: MemoryInput | None = None
        self._player_ends = float("inf")
        self._running: Snapshot | None = None
        self._should_wake = clock()
        self._meter = LoopMeter()
        self._queued = 0.0  # seconds in the system's queue, as of the last housekeeping
        self._ending = False
        self._control_open = True
        self._own_ports: frozenset[str] = frozenset()
        self._cores = Cores()
        now = clock()
        self._started = now
        self._next_housekeeping = self._next_snapshot = self._next_mark = now
        self._next_collect = now + COLLECT_SECONDS
        self._board = PortBoard(
            DriverConnector(supervisor.send), *wanted_ports(setup), self._port_changed, self._complain
        )
        self._stage: Stage  # made by `begin`, as making it already has effects

    # -- what the stage needs ---------------------------------------------------------------------------------------

    def send_midi(self, port: str, data: bytes, due: float) -> float | None:
        """See `Surroundings`."""
        while 0 < (wait := due - clock()) <= AHEAD_SECONDS:
            if wait > SPIN_SECONDS:
                time.sleep(wait - SPIN_SECONDS)
        if self._setup.player:
            return clock()
        sent = self._board.send(port, data)
        return clock() if sent else None

    def ask_engine(self, effect: EngineEffect) -> None:
        """See `Surroundings`."""
        self._engine.ask(effect, clock())

    def tell_front(self, notice: FrontEffect) -> None:
        """See `Surroundings`."""
        self._front.send(notice)

    def _complain(self, text: str) -> None:
        self._records.append(Remark(clock(), text))
        self._front.send(Notice("warning", text))

    def _port_changed(self, event: PortChanged) -> None:
        self._stage.receive(event, clock())

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until the front ends it or is gone, a recorded player has finished, or a signal asks."""
        now = clock()
        self._supervisor.send(LogHeader(header_line(self._setup, now)))
        self._stage = Stage(self._setup.settings, now, self, self._records.append)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while not self._ending:
                self._turn()
        finally:
            self._finish()

    def _end(self, *_: object) -> None:
        self._ending = True

    def _turn(self) -> None:
        now = clock()
        self._meter.begin(self._should_wake, now)
        for arrival, port, message in self._poll(now):
            self._stage.receive(MidiReceived(port, message), arrival)
        self._meter.mark(clock())
        for event in self._engine.receive():
            if isinstance(event, (EngineReady, EngineLost)):
                self._engine_changed(event, now)
            self._stage.receive(event, now)  # type: ignore[arg-type]
        due = self._stage.next_timer(now)
        now = clock()
        self._meter.mark(now)
        for _ in range(ROUNDS_WITHOUT_REST):
            if due is None or due > now + AHEAD_SECONDS:
                break
            self._stage.handle_timer(max(due, now))  # what it sends waits until it is due
            due, now = self._stage.next_timer(now), clock()
        else:
            due = None  # whatever asks for ever to be woken at once may not take the processor from everyone else
        self._meter.mark(clock())
        now = self._look_after(now, due)
        if text := self._meter.end(self._stage.session.running):
            waited = queued_seconds() - self._queued
            self._records.append(Remark(now, f"{text}; of it in the system's queue {1000 * waited:.1f}"))
        wait = POLL_SECONDS if due is None else min(due - now - AHEAD_SECONDS, POLL_SECONDS)
        self._should_wake = now + max(wait, 0.0)
        if wait > 0:
            time.sleep(wait)

    def _poll(self, now: float) -> list[tuple[float, str, Message]]:
        if self._setup.player:
            return [(at, "player", message) for at, message in self._player.poll(now)] if self._player else []
        return self._board.poll(now)

    def _look_after(self, now: float, due: float | None) -> float:
        """What need not be in time: the other processes, the screen, memory. Returns when it was done."""
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_SECONDS
            self._queued = queued_seconds()
            self._hear_the_others(now)
            self._mind_the_cores()
        self._meter.mark(clock())
        quiet = due is None or due - now > QUIET_SECONDS
        late = now - self._next_snapshot > 10 * SNAPSHOT_SECONDS
        pictured = now >= self._next_snapshot and (quiet or late)
        if pictured:
            self._next_snapshot = now + SNAPSHOT_SECONDS
            self._picture(now)
        self._meter.mark(clock())
        if quiet and not pictured and now >= self._next_collect:
            self._next_collect = now + COLLECT_SECONDS
            gc.collect(1)
        if now >= self._player_ends:
            self._ending = True
        done = clock()
        self._meter.mark(done)
        return done

    def _hear_the_others(self, now: float) -> None:
        for wish in self._front.receive():
            if isinstance(wish, Command):
                self._stage.receive(wish, now)
            elif isinstance(wish, ChoosePort):
                self._board.choose(wish.direction, wish.name)
            elif isinstance(wish, End):
                self._ending = True
        if self._front.closed:
            self._ending = True
        heard, self._early = [*self._early, *self._supervisor.receive()], []
        for value in heard:
            if isinstance(value, Ports) and not self._setup.player:
                self._board.update(value)
            elif isinstance(value, SupervisorRemark):
                self._records.append(Remark(now, value.text))
        if (own := self._board.own_names) != self._own_ports:
            self._own_ports = own
            self._front.send(OwnPorts(own))
        self._take_new_engine()
        if self._engine.is_stuck(now):
            self._supervisor.send(EngineStuck("the engine has stopped answering"))
        if self._setup.player and self._player is None and now - self._started > PLAYER_PATIENCE_SECONDS:
            self._start_player(now)
        self._send_log()

    def _send_log(self) -> None:
        """What has happened since the last time; sent without lines, it is a sign of life."""
        records, self._records[:] = tuple(self._records), []
        lines = b"".join(line_of(record) + b"\n" for record in records)
        self._supervisor.send(LogLines(self._lines, lines))
        self._lines += len(records)

    def _mind_the_cores(self) -> None:
        """They may sleep while nothing plays."""
        if self._stage.session.running:
            self._cores.keep_awake()
        else:
            self._cores.let_sleep()

    def _take_new_engine(self) -> None:
        if not self._control_open:
            return
        try:
            end = take_descriptor(self._control)  # type: ignore[arg-type]
        except OSError:
            self._control_open = False
            self._front.send(
                Notice("warning", "the supervisor has died: nothing more is recorded, a lost engine stays lost")
            )
            return
        if end is not None:
            self._engine.adopt(Link(end))

    def _engine_changed(self, event: EngineReady | EngineLost, now: float) -> None:
        text = event.reason if isinstance(event, EngineLost) else f"engine {event.checkpoint.engine} is ready"
        self._records.append(Remark(now, text))
        if self._setup.player and self._player is None:
            self._start_player(now)

    def _start_player(self, now: float) -> None:
        """The recorded player begins; their master's true clock goes on record, so that errors can be told from outside."""
        player = find_player(self._setup.player)
        true = TrueClock(now + PLAYER_LEAD_SECONDS, self._setup.settings.clock.bpm)
        self._player = MemoryInput("player", perform(player, true, self._setup.bars, self._setup.manner))
        if self._setup.bars:
            self._player_ends = true.seconds_at(self._setup.bars * float(player.time_signature.beats)) + 0.5
        self._records.append(PlayerBegan(now, true.start_seconds, true.bpm))

    def _picture(self, now: float) -> None:
        snapshot = self._stage.session.snapshot(now)
        self._front.offer(snapshot)
        if snapshot.transport.state == "running" and snapshot.generation.model_dim:
            self._running = snapshot
        if now >= self._next_mark:
            self._next_mark = now + MARK_SECONDS
            self._records.append(mark_of(snapshot))

    def _finish(self) -> None:
        now = clock()
        self._cores.let_sleep()
        self._stage.close(now)
        snapshot = self._stage.session.snapshot(now)
        summary = summary_of(snapshot, self._stage, self._running, self._meter)
        self._records.append(PerformanceEnded(now, summary))
        self._front.offer(snapshot)
        self._send_log()
        deadline = now + 1.0
        while (self._supervisor.pending_bytes or self._front.pending_bytes) and clock() < deadline:
            self._supervisor.flush()
            self._front.flush()
            time.sleep(0.002)
        with suppress(Exception):
            self._board.close()


def wanted_ports(setup: Setup) -> tuple[list[str], list[str]]:
    """Names of the inputs and outputs a set-up wants, the default ones first."""
    inputs, outputs = [setup.ports.input], [setup.ports.output]
    for track in setup.settings.tracks:
        if track.role == "human" and track.input_port:
            inputs.append(track.input_port)
        elif track.role != "human" and track.output_port:
            outputs.append(track.output_port)
    return inputs, outputs


def main(arguments: list[str]) -> None:
    """The process itself."""
    front, supervisor, control = (adopt(int(argument)) for argument in arguments)
    supervisor.setblocking(True)
    link = Link(supervisor)
    setup = None
    early: list[
        object
    ] = []  # the first list of ports may come together with the set-up; the next one comes a second later
    while setup is None and not link.closed:
        for value in link.receive():
            if isinstance(value, Setup):
                setup = value
            else:
                early.append(value)
        time.sleep(POLL_SECONDS)
    if setup is not None:
        granted = become_realtime()
        realtime = Realtime(setup, Link(front), link, control, early)
        realtime._records.append(Remark(clock(), f"realtime process: {granted}"))
        realtime.run()


if __name__ == "__main__":
    main(sys.argv[1:])
