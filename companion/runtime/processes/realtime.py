"""The realtime process: `python -m companion.runtime.processes.realtime FRONT SUPERVISOR CONTROL SOUND KEYS SOUNDING`
(inherited descriptors; SOUND leads to the sound process, KEYS comes from the typing keyboard).

One loop is woken every millisecond or when something is due: MIDI in, timers, effects out. It loads no torch and no screen, writes
no file, starts no process and waits for no other process: its links to the front, the engine and the supervisor drop rather than block.

docs/reliability.md describes what happens when a process dies. For this process:

- the front dies: its link closes. This process sends note-offs and ends.
- the engine dies: its link closes. The session gets EngineLost and plays on with what it has. Another engine's link comes through
  CONTROL. An engine that lives but has not answered long after a deadline is reported to the supervisor, which ends it.
- the supervisor dies: the music goes on and the log's lines wait. The next supervisor's link also comes through CONTROL.
- this process dies: the memory behind SOUNDING holds what sounds, and the supervisor ends those notes.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from contextlib import suppress

from companion.midi.port_lists import Ports
from companion.runtime.clocks.shared_clock import FollowedClock
from companion.runtime.engine.engine_link import EngineLink
from companion.runtime.ipc import wire
from companion.runtime.ipc.ends import SUPERVISOR, adopt, take_descriptor
from companion.runtime.ipc.link import Link
from companion.runtime.ipc.protocol import (
    Account,
    ChoosePort,
    End,
    EngineStuck,
    OwnPorts,
    Setup,
    SupervisorRemark,
)
from companion.runtime.machine.keep_awake import Cores
from companion.runtime.machine.loop_meter import LoopMeter
from companion.runtime.machine.priority import become_realtime, queued_seconds
from companion.runtime.machine.sleep_watch import SleepWatch
from companion.runtime.players.recorded_player import RecordedPlayer
from companion.runtime.ports.connector import DriverConnector
from companion.runtime.ports.flood_gate import FloodReports
from companion.runtime.ports.heard_ports import HeardPorts
from companion.runtime.ports.input_gate import InputGate
from companion.runtime.ports.port_board import PortBoard, wanted_ports
from companion.runtime.ports.port_set import PortSet
from companion.runtime.ports.sound_output import SoundOutput
from companion.runtime.ports.sounding import SoundingTable
from companion.runtime.processes.log_sender import LogSender
from companion.runtime.processes.recorded_session import EngineEffect, FrontEffect, RecordedSession
from companion.runtime.processes.showing import Showing
from companion.runtime.recording.marks import summary_of
from companion.runtime.recording.recorder import header_line
from companion.runtime.recording.records import PerformanceEnded, Remark
from companion.session.api.effects import AskClock, Notice
from companion.session.api.events import Command, EngineLost, EngineReady, MachineSlept, MidiReceived, PortChanged

POLL_SECONDS = 0.001
# We wake this long before something is due, to check everything else and prepare a large chord by then.
AHEAD_SECONDS = 0.0015
SPIN_SECONDS = 0.0002  # the last part of that is not slept, because a sleep may end this late
ROUNDS_WITHOUT_REST = 4
HOUSEKEEPING_SECONDS = 0.05
QUIET_SECONDS = 0.004  # the session is only shown when nothing is due for this long
COLLECT_SECONDS = 2.0
LAST_WORDS_SECONDS = 6.0  # time to hand over the rest of the log, also to a supervisor that is taking over
clock = time.monotonic


class Realtime:
    """The loop and its surroundings."""

    def __init__(
        self,
        setup: Setup,
        front: Link,
        supervisor: Link,
        control: socket.socket,
        sounding: SoundingTable,
        sound: SoundOutput,
    ) -> None:
        now = clock()
        self._setup = setup
        self._front, self._supervisor, self._control = front, supervisor, control
        self._engine = EngineLink(setup.settings.model)
        self._log = LogSender(header_line(setup, now))
        self._log.begin(supervisor)
        self._should_wake = now
        self._meter = LoopMeter()
        self._queued = 0.0  # seconds in the system's queue, as of the last housekeeping
        self._ending = False
        self._control_open = self._supervised = True
        self._own_ports: frozenset[str] = frozenset()
        self._cores = Cores()
        self._clock = FollowedClock(self._complain)
        self._gate, self._sleep = InputGate(), SleepWatch()
        self._flood = FloodReports(self._gate.flood, self._log.add, self._complain, now)
        self._next_housekeeping = now
        self._next_collect = now + COLLECT_SECONDS
        ports: PortSet = (
            RecordedPlayer(setup, now, self._log.add) if setup.player else self._real_ports(setup, sounding)
        )
        self._ports = HeardPorts(ports, sound, clock)
        self._recorded = RecordedSession(
            setup.settings, now, self, self._log.add
        )  # here, because creating it already has effects
        self._showing = Showing(self._recorded.session, front, self._ports, self._log.add, now)

    def _real_ports(self, setup: Setup, sounding: SoundingTable) -> PortBoard:
        connector = DriverConnector(lambda wish: self._supervisor.send(wish))
        return PortBoard(
            connector, *wanted_ports(setup.settings, setup.ports), self._port_changed, self._complain, sounding
        )

    # -- what the recorded session needs ---------------------------------------------------------------------------------------

    def send_midi(self, port: str, data: bytes, due: float) -> float | None:
        """See `Surroundings`."""
        while 0 < (wait := due - clock()) <= AHEAD_SECONDS:
            if wait > SPIN_SECONDS:
                time.sleep(wait - SPIN_SECONDS)
        return clock() if self._ports.send(port, data) else None

    def ask_engine(self, effect: EngineEffect) -> None:
        """See `Surroundings`."""
        self._engine.ask(effect, clock())

    def tell_front(self, notice: FrontEffect) -> None:
        """See `Surroundings`."""
        self._front.send(notice)

    def ask_clock(self, wish: AskClock) -> None:
        """See `Surroundings`."""
        self._clock.ask(wish)

    def _complain(self, text: str) -> None:
        self.remark(text)
        self._front.send(Notice("warning", text))

    def remark(self, text: str) -> None:
        """A line for the log."""
        self._log.add(Remark(clock(), text))

    def _port_changed(self, event: PortChanged) -> None:
        self._recorded.receive(event, clock())

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until the front ends it or has gone, a recorded player has finished, or a signal arrives."""
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
        if slept := self._sleep.slept():
            self._recorded.receive(MachineSlept(slept), now)
        arrived = [*self._ports.poll(now), *self._clock.poll(now)]
        for arrival, port, message in self._gate.admit(arrived, self._recorded.session.knob_messages, now):
            self._recorded.receive(MidiReceived(port, message), arrival)
        self._meter.mark(clock())
        for event in self._engine.receive():
            if isinstance(event, (EngineReady, EngineLost)):
                self._engine_changed(event, now)
            self._recorded.receive(event, now)  # type: ignore[arg-type]
        due = self._recorded.next_timer(now)
        now = clock()
        self._meter.mark(now)
        for _ in range(ROUNDS_WITHOUT_REST):
            if due is None or due > now + AHEAD_SECONDS:
                break
            self._recorded.handle_timer(max(due, now))  # what the session sends waits until it is due
            due, now = self._recorded.next_timer(now), clock()
        else:
            due = None  # a timer that is always due must not take the processor from the other processes
        self._meter.mark(clock())
        now = self._look_after(now, due)
        if text := self._meter.end(self._recorded.session.running):
            waited = queued_seconds() - self._queued
            self.remark(f"{text}; of it in the system's queue {1000 * waited:.1f}")
        wait = POLL_SECONDS if due is None else min(due - now - AHEAD_SECONDS, POLL_SECONDS)
        self._should_wake = now + max(wait, 0.0)
        if wait > 0:
            time.sleep(wait)

    def _look_after(self, now: float, due: float | None) -> float:
        """Work that need not be in time: the other processes, the screen, memory. Returns the time when it was done."""
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_SECONDS
            self._queued = queued_seconds()
            self._hear_the_others(now)
            self._mind_the_cores()
            self._clock.follow(*self._recorded.session.clock_source, now)
        self._meter.mark(clock())
        quiet = due is None or due - now > QUIET_SECONDS
        shown = self._showing.show(now, quiet)
        self._meter.mark(clock())
        if quiet and not shown and now >= self._next_collect:
            self._next_collect = now + COLLECT_SECONDS
            gc.collect(1)
        if self._ports.has_finished(now):
            self._ending = True
        done = clock()
        self._meter.mark(done)
        return done

    def _hear_the_others(self, now: float) -> None:
        for wish in self._front.receive():
            if isinstance(wish, Command):
                self._recorded.receive(wish, now)
            elif isinstance(wish, ChoosePort):
                self._ports.choose(wish.direction, wish.name)
            elif isinstance(wish, End):
                self._ending = True
        if self._front.closed:
            self._ending = True
        for value in self._supervisor.receive():
            self.hear_supervisor(value)
        if (own := self._ports.own_names) != self._own_ports:
            self._own_ports = own
            self._front.send(OwnPorts(own))
        self._take_new_links()
        self._flood.report(now)
        if self._engine.is_stuck(now):
            self._supervisor.send(EngineStuck("the engine has stopped answering"))
        self._log.flush(self._supervisor)

    def hear_supervisor(self, value: object) -> None:
        """Handle a message from the supervisor."""
        if isinstance(value, Ports):
            self._ports.update(value)
        elif isinstance(value, SupervisorRemark):
            self.remark(value.text)
        elif isinstance(value, End):
            self._ending = True

    def _mind_the_cores(self) -> None:
        """Let the cores sleep while nothing plays."""
        if self._recorded.session.running:
            self._cores.keep_awake()
        else:
            self._cores.let_sleep()

    def _take_new_links(self) -> None:
        """Take the link of another engine, or of another supervisor if the last one was killed."""
        if self._supervised and self._supervisor.closed:
            self._supervised = False
            self._complain("the supervisor has died: another one takes over")
        try:
            taken = take_descriptor(self._control) if self._control_open else None
        except OSError:
            self._control_open = False
            return
        if taken is None:
            return
        who, end = taken
        if who == SUPERVISOR:
            self._supervisor, self._supervised = Link(end), True
            self._log.begin(self._supervisor)
        else:
            self._engine.adopt(end)

    def _engine_changed(self, event: EngineReady | EngineLost, now: float) -> None:
        self.remark(event.reason if isinstance(event, EngineLost) else f"engine {event.checkpoint.engine} is ready")
        self._ports.engine_settled(now)

    def _finish(self) -> None:
        now = clock()
        self._cores.let_sleep()
        self._recorded.close(now)
        snapshot = self._showing.finish(now)
        summary = summary_of(snapshot, self._recorded, self._showing.playing, self._meter)
        self._log.add(PerformanceEnded(now, summary))
        self._front.send(Account(summary))
        deadline = now + LAST_WORDS_SECONDS
        while clock() < deadline:
            self._take_new_links()
            self._log.flush(self._supervisor)
            self._supervisor.flush()
            self._front.flush()
            unheard = self._log.waiting or self._supervisor.pending_bytes
            nobody = self._supervisor.closed and self._front.closed
            if nobody or (not unheard and not self._front.pending_bytes):
                break
            time.sleep(0.002)
        with suppress(Exception):
            self._clock.close()
            self._ports.close()


def main(arguments: list[str]) -> None:
    """The process itself."""
    *ends, sounding = map(int, arguments)
    front, supervisor, control, sound, keys = map(adopt, ends)
    link = Link(supervisor)
    wire.prepare()
    heard: list[object] = []
    while not heard and not link.closed:
        time.sleep(POLL_SECONDS)
        heard = link.receive()
    if heard and isinstance(setup := heard[0], Setup):
        granted = become_realtime()
        wanted = setup.sound.wanted(setup.ports.output)
        output = SoundOutput(sound if wanted else None, keys, yields=setup.sound.mode == "auto")
        realtime = Realtime(setup, Link(front), link, control, SoundingTable(sounding), output)
        realtime.remark(f"realtime process: {granted}")
        for value in heard[1:]:  # the first list of ports may have arrived together with the set-up
            realtime.hear_supervisor(value)
        realtime.run()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # a driver whose server has died must not hold up the end
