"""The host: `companion engine --listen HOST:PORT`. It lets paired machines use this machine's engine, one performance at a time.

The engine is a process of its own (`companion.runtime.engine.engine_process`), as in a performance on one machine. This
process only passes messages on, so it answers signs of life while the engine computes, and it outlives an engine that dies or
hangs.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from companion.errors import CompanionError
from companion.inference.checkpoints.hub import shipped_checkpoint
from companion.runtime.engine.engine_keeper import EngineKeeper
from companion.runtime.engine.engine_link import EngineLink
from companion.runtime.ipc.ends import take_descriptor
from companion.runtime.ipc.protocol import Goodbye, Hello, Ping, TurnedAway, Welcome
from companion.runtime.ipc.wire import WireError, decode, encode
from companion.runtime.remote_engine.address import Address, plain_checkpoint
from companion.runtime.remote_engine.checks import job_fault
from companion.runtime.remote_engine.curve import prepare, zeromq
from companion.runtime.remote_engine.gate import Gate
from companion.runtime.remote_engine.holdings import Holdings
from companion.runtime.remote_engine.pairing import HostStore
from companion.runtime.remote_engine.reception import Reception, Seat, plain_name
from companion.session.api.effects import Cancel, Generate, LoadModel, Prefill
from companion.session.api.events import (
    BarGenerated,
    EngineLost,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    LoadFailed,
    NoteGenerated,
)
from companion.session.api.settings import ModelSettings

GUEST_MESSAGES = (Hello, Goodbye, Ping, LoadModel, Generate, Prefill, Cancel)
LOOK_MS = 20
LONGEST_REQUEST_SECONDS = 120.0
LAST_WORD_SECONDS = 0.02
MESSAGES_A_TURN = 200
MAX_REMARKED = 1000
REFUSAL_PAUSE_SECONDS = 60.0  # one line a minute for each network address that knocks in vain
clock = time.monotonic


class Host:
    """See the module. model: what is loaded before the first guest comes; its engine also runs what guests ask for later.

    say: called with one line for each thing that happens.

    Raises CompanionError if the address cannot be used or pyzmq is missing.
    """

    def __init__(self, address: Address, model: ModelSettings, store: HostStore, say: Callable[[str], object]) -> None:
        self._context = zeromq()()
        import zmq

        self._holdings = Holdings(model, lambda name: shipped_checkpoint(name) is not None)
        self._store, self._say = store, say
        self._poller = zmq.Poller()
        self._gate = Gate(self._context, lambda key: store.guest(key, time.time()) is not None)
        self._router = self._context.socket(zmq.ROUTER)
        try:
            self._listen(address)
        except CompanionError:
            self._context.destroy(0)
            raise
        self._control, their_control = socket.socketpair()
        self._keeper = EngineKeeper(their_control)
        self._engine = EngineLink(model)
        self._polled = -1  # the engine link's descriptor
        self._reception = Reception()
        self._numbers = count(1)
        self._asked: dict[int, int] = {}  # our number of a request → the guest's
        self._remarked: set[str] = set()  # what is said once: of guests, performances and checkpoints
        self._refused: dict[str, float] = {}  # by network address: when that was said last
        self._ending = False
        for each in (self._gate.socket, self._router):
            self._poller.register(each, zmq.POLLIN)

    def _listen(self, address: Address) -> None:
        import zmq

        public, secret = self._store.own_keys()
        prepare(self._router)
        self._router.curve_server = True
        self._router.curve_publickey, self._router.curve_secretkey = public.encode(), secret.encode()
        self._router.setsockopt(zmq.ZAP_DOMAIN, b"companion")
        self._router.setsockopt(zmq.IPV6, int(address.is_ipv6))
        try:
            self._router.bind(address.endpoint)
        except zmq.ZMQError as error:
            raise CompanionError(f"cannot listen on {address}: {error.strerror}") from None

    def end(self, *_: object) -> None:
        """Let `run` return soon."""
        self._ending = True

    def run(self) -> None:
        """Serve until `end` is called."""
        try:
            while not self._ending:
                self.turn()
        finally:
            if self._reception.seat is not None:
                self._send(self._reception.seat.peer, TurnedAway("the engine was ended"))
                time.sleep(LAST_WORD_SECONDS)  # the message leaves from a thread of ZeroMQ's
            self._keeper.close()
            self._control.close()
            self._gate.close()
            self._context.destroy(100)

    def turn(self) -> None:
        """Wait for what comes, but not long, and handle it."""
        self._mind_the_engine(clock())
        self._watch_engine()
        for each, _ in self._poller.poll(LOOK_MS):
            if each is self._gate.socket:
                self._answer_gate(clock())
            elif each is self._router:
                self._hear_guests()
        self._hear_engine()
        if self._reception.is_silent(clock()):
            self._dismiss("has been silent for too long and counts as gone")

    # -- guests -------------------------------------------------------------------------------------------------------

    def _answer_gate(self, now: float) -> None:
        address = self._gate.answer()
        if address is not None and now - self._refused.get(address, -REFUSAL_PAUSE_SECONDS) >= REFUSAL_PAUSE_SECONDS:
            self._refused[address] = now
            self._say(f"refused {plain_name(address)}: not paired (companion engine --pair lets a machine in)")

    def _hear_guests(self) -> None:
        import zmq

        for _ in range(MESSAGES_A_TURN):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.ZMQError:
                return
            peer, key = frames[0].bytes, str(frames[-1].get("User-Id"))
            guest = self._store.guest(key, time.time())
            if guest is None:  # unpaired since it connected
                continue
            try:
                message = self._read(frames)
            except WireError as error:
                self._remark(guest.name or "a guest", str(error))
                continue
            self._hear(message, peer, key, clock())

    @staticmethod
    def _read(frames: list[Any]) -> object:
        if len(frames) != 2:
            raise WireError("a message of several parts")
        message = decode(frames[1].buffer)
        if not isinstance(message, GUEST_MESSAGES):
            raise WireError(f"{type(message).__name__} is not for a guest to send")
        if isinstance(message, (Generate, Prefill)) and (fault := job_fault(message.job)):
            raise WireError(f"a request cannot be served: {fault}")
        return message

    def _remark(self, name: str, fault: str) -> None:
        """Report the first faulty message of a guest; it is dropped, as are all others."""
        if name not in self._remarked:
            self._remember(name)
            self._say(f"{plain_name(name)} sent what is no message of ours (it is left out): {fault[:160]!r}")

    def _remember(self, what: str) -> None:
        if len(self._remarked) >= MAX_REMARKED:
            self._remarked.clear()
        self._remarked.add(what)

    def _hear(self, message: object, peer: bytes, key: str, now: float) -> None:
        if isinstance(message, Hello):
            self._greet(message, peer, key, now)
        elif (answer := self._reception.answer(message, peer, now)) is not None:
            self._send(peer, answer)
        elif self._reception.is_served(peer, now):
            self._serve(message, now)

    def _greet(self, hello: Hello, peer: bytes, key: str, now: float) -> None:
        before = self._reception.seat
        answer = self._reception.greet(hello, peer, key, now)
        if isinstance(answer, Welcome):
            guest = self._store.guest(key, time.time())
            if guest is not None and guest.expires:
                answer = self._exchange(hello, key, answer)
            seat = self._reception.seat
            if seat is not None and (before is None or before.performance != seat.performance):
                self._forget_requests(now)
                self._say(f"{seat.name} has the engine")
        else:
            self._say_refusal(hello, answer)
        self._send(peer, answer)

    def _say_refusal(self, hello: Hello, answer: TurnedAway) -> None:
        """Guests that wait ask again and again; that is said once for each performance."""
        if hello.performance not in self._remarked:
            self._remember(hello.performance)
            self._say(f"{plain_name(hello.name)} was turned away: {answer.reason}")

    def _exchange(self, hello: Hello, key: str, welcome: Welcome) -> Welcome | TurnedAway:
        """The guest came with a token's key: from now on its own key is known instead."""
        self._reception.leave()  # it connects again with its own key
        if not self._store.exchange(key, hello.public_key, plain_name(hello.name), time.time()):
            return TurnedAway("the token is void: make another one on the engine's machine (companion engine --pair)")
        self._say(f"{plain_name(hello.name)} is paired")
        return replace(welcome, paired=True)

    def _serve(self, message: object, now: float) -> None:
        if isinstance(message, Goodbye):
            self._dismiss("has gone")
        elif isinstance(message, LoadModel):
            self._load(message.model.checkpoint)
        elif isinstance(message, Generate):
            number = self._number(message.job.request_id)
            left = min(max(message.deadline_seconds, 0.0), LONGEST_REQUEST_SECONDS)  # seconds from now, see `guest`
            self._engine.ask(Generate(replace(message.job, request_id=number), now + left), now)
        elif isinstance(message, Prefill):
            self._engine.ask(message, now)
        elif isinstance(message, Cancel):
            for number in [number for number, theirs in self._asked.items() if theirs == message.request_id]:
                self._cancel(number, now)

    def _number(self, theirs: int) -> int:
        """Our number for a guest's request: requests of different guests must not be mistaken for each other."""
        number = next(self._numbers)
        self._asked[number] = theirs
        return number

    def _cancel(self, number: int, now: float) -> None:
        del self._asked[number]
        self._engine.ask(Cancel(number), now)

    def _forget_requests(self, now: float) -> None:
        for number in list(self._asked):
            self._cancel(number, now)

    def _dismiss(self, why: str) -> None:
        seat = self._reception.seat
        if seat is not None:
            self._say(f"{seat.name} {why}; the engine is free")
            self._forget_requests(clock())
            self._reception.leave()

    def _send(self, peer: bytes, message: object) -> None:
        import zmq

        with suppress(zmq.ZMQError):  # a guest that has gone, or is far behind
            self._router.send_multipart([peer, encode(message)], zmq.NOBLOCK)

    # -- the engine ---------------------------------------------------------------------------------------------------

    def _load(self, checkpoint: str) -> None:
        """A guest wants this checkpoint: have it loaded, or say at once what there is."""
        answer = self._holdings.ask(checkpoint)
        seat = self._reception.seat
        if isinstance(answer, LoadModel):
            self._forget_requests(clock())
            self._engine.ask(answer, clock())
            self._say(f"loading {plain_checkpoint(answer.model.checkpoint)}")
        elif answer is not None and seat is not None:
            if isinstance(answer, EngineLost) and answer.reason not in self._remarked:
                self._remember(answer.reason)
                self._say(f"{seat.name} plays without this engine: {answer.reason}")
            self._send(seat.peer, answer)

    def _mind_the_engine(self, now: float) -> None:
        if (text := self._keeper.look()) and not text.endswith("started"):
            self._say(text)
        if (taken := take_descriptor(self._control)) is not None:
            self._engine.adopt(taken[1])
        if self._engine.is_stuck(now):
            self._say("the engine has stopped answering: another one is started")
            self._keeper.kill()

    def _hear_engine(self) -> None:
        for event in self._engine.receive():
            self._pass_on(event, self._reception.seat)

    def _watch_engine(self) -> None:
        """Let the engine's messages end the wait, whichever engine runs now."""
        import zmq

        descriptor = self._engine.fileno()
        if descriptor != self._polled:
            if self._polled >= 0:
                with suppress(KeyError):
                    self._poller.unregister(self._polled)
            if descriptor >= 0:
                self._poller.register(descriptor, zmq.POLLIN)
            self._polled = descriptor

    def _pass_on(self, event: Any, seat: Seat | None) -> None:
        if isinstance(event, (EngineReady, EngineLost, LoadFailed)):
            if isinstance(event, EngineLost):
                self._asked.clear()
            event = self._holdings.heard(event)
            if event is not None:
                self._say(event.reason if isinstance(event, EngineLost) else ready_line(event))
        elif isinstance(event, (NoteGenerated, BarGenerated, GenerationFinished, GenerationFailed)):
            theirs = self._asked.get(event.request_id)
            if isinstance(event, (GenerationFinished, GenerationFailed)):
                self._asked.pop(event.request_id, None)
            if theirs is None:
                return
            event = replace(event, request_id=theirs)
        else:
            return
        if seat is not None and event is not None:
            self._send(seat.peer, event)


def ready_line(event: EngineReady) -> str:
    """One line on what the engine holds."""
    info = event.checkpoint
    seconds = max((seconds for _, seconds in event.warm_seconds), default=0.0)
    return f"{info.name} is ready: {info.engine}, {1000 * seconds:.0f} ms for a bar of one part"
