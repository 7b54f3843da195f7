"""The guest's end of the network: the socket, the pairings that are tried, and the conversation. Lives in the engine process.

`poll` and `ask` never wait. ZeroMQ connects, reconnects and encrypts in a thread of its own.
"""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from companion.errors import CompanionError, UsageError
from companion.runtime.ipc.protocol import Goodbye, Introduce, Pong, TurnedAway, Welcome
from companion.runtime.ipc.wire import WireError, decode, encode
from companion.runtime.remote_engine.address import parse_address, plain_checkpoint
from companion.runtime.remote_engine.conversation import Conversation, News, Told
from companion.runtime.remote_engine.curve import prepare, public_of, zeromq
from companion.runtime.remote_engine.pairing import GuestStore, Pairing
from companion.session.api.effects import Cancel, Generate, Prefill
from companion.session.api.events import (
    BarGenerated,
    EngineLost,
    EngineReady,
    GenerationFailed,
    GenerationFinished,
    NoteGenerated,
)
from companion.session.api.settings import ModelSettings

if TYPE_CHECKING:
    import zmq

HOST_MESSAGES = (
    *(Welcome, TurnedAway, Introduce, Pong),
    *(EngineReady, EngineLost, NoteGenerated, BarGenerated, GenerationFinished, GenerationFailed),
)
MESSAGES_A_TURN = 500
NEXT_KEY_SECONDS = 1.0  # after a refusal, until the next key is tried
FIRST_ANSWER_SECONDS = 3.0  # without a connection for so long after the start, the player is told why
PERFORMANCE = secrets.token_hex(8)  # of this process: another checkpoint's guest goes on with the same one
clock = time.monotonic
NOT_PAIRED = (
    "this machine is not paired with the engine at {address}: on the engine's machine run `companion engine --pair`, and here "
    "`companion engine --pair TOKEN`"
)
NOT_REACHABLE = "not reachable"
NOT_OURS = "reachable, but no engine of ours has answered"
NOT_THE_PAIRED_ONE = "reachable, but the paired engine does not answer there"
# What to say of each state that lasts, after "the engine at …".
WITHOUT_CONNECTION = {
    NOT_REACHABLE: "cannot be reached: is it on, and does companion engine --listen run there with this address?",
    NOT_OURS: "does not answer: something else listens there. Is the port right?",
    NOT_THE_PAIRED_ONE: "has other keys than this machine was paired with: pair the two again (companion engine --pair)",
}


class Guest:
    """See the module. Raises UsageError if nothing is paired, GenerationError if pyzmq is missing.

    state: in a few words how far the connection has come, for `companion doctor`.
    """

    def __init__(self, engine: str, model: ModelSettings, store: GuestStore | None = None) -> None:
        self.address = parse_address(engine)
        self._context = zeromq()()
        self._store = store or GuestStore()
        wanted = replace(model, engine="auto", checkpoint=plain_checkpoint(model.checkpoint))
        self.conversation = Conversation(self.address.host, wanted, socket.gethostname(), PERFORMANCE)
        self._keys = self._own_keys()
        self._place = 0  # among the keys
        self._socket: zmq.Socket | None = None
        self._monitor: zmq.Socket | None = None
        self._connect_at: float | None = None  # when the next key is tried
        self.state = NOT_REACHABLE
        self._said_refused = False
        self._patient_until: float | None = clock() + FIRST_ANSWER_SECONDS
        self._told: list[News] = []
        self._connect()

    def _own_keys(self) -> list[tuple[Pairing, bool]]:
        """(pairing, with the token's key) to try, in this order. A token's key first: the host may not know ours yet."""
        found = self._store.candidates(self.address.endpoint)
        if not found:
            raise UsageError(NOT_PAIRED.format(address=self.address))
        return [(each, token) for each in found for token in (True, False) if each.token_secret or not token]

    # -- for the engine process ---------------------------------------------------------------------------------------

    @property
    def sockets(self) -> list[zmq.Socket]:
        """What to wait for."""
        return [each for each in (self._socket, self._monitor) if each is not None]

    def ask(self, effect: Generate | Prefill | Cancel) -> bool:
        """Pass a request on; False if the host is not there."""
        taken = self.conversation.ask(effect, clock())
        self._send()
        return taken

    def poll(self) -> list[News]:
        """Handle what has come, and do what is due."""
        now = clock()
        if self._connect_at is not None and now >= self._connect_at:
            self._connect()
        self._hear_monitor(now)
        self._hear_host()
        self.conversation.tick(clock())
        self._mind_the_pairing(now)
        self._mind_the_silence(now)
        self._send()
        told, self._told = self._told, []
        return told + self.conversation.news()

    def close(self) -> None:
        """Say goodbye and free the socket."""
        if self._socket is not None:
            with suppress(Exception):
                self._socket.send(encode(Goodbye()), 1)  # zmq.NOBLOCK
        self._disconnect()
        self._context.destroy(100)

    # -- the connection -----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        import zmq

        self._disconnect()
        pairing, with_token = self._keys[self._place]
        secret = pairing.token_secret if with_token else pairing.secret
        self._connect_at = None
        self._socket = self._context.socket(zmq.DEALER)
        prepare(self._socket)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)  # nothing is kept for a connection that does not stand yet
        self._socket.setsockopt(zmq.IPV6, int(":" in self.address.host))
        self._socket.linger = 100
        self._socket.curve_serverkey = pairing.host_public.encode()
        self._socket.curve_secretkey, self._socket.curve_publickey = secret.encode(), public_of(secret).encode()
        self._monitor = self._socket.get_monitor_socket()
        self._socket.connect(self.address.endpoint)

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.disable_monitor()
            self._socket.close()
        self._socket = self._monitor = None

    def _hear_monitor(self, now: float) -> None:
        """Follow the connection: ZeroMQ says when it stands, is cut or is refused."""
        import zmq
        from zmq.utils.monitor import recv_monitor_message

        while self._monitor is not None:
            try:
                event = recv_monitor_message(self._monitor, zmq.NOBLOCK)["event"]
            except zmq.ZMQError:
                return
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                pairing, with_token = self._keys[self._place]
                self.state = "connected"
                self.conversation.connected(now, pairing.public if with_token else "")
            elif event == zmq.EVENT_CONNECTED and self.state == NOT_REACHABLE:
                self.state = NOT_OURS
            elif event in (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL):
                self._refused(now, is_certain=event == zmq.EVENT_HANDSHAKE_FAILED_AUTH)
            elif event == zmq.EVENT_DISCONNECTED:
                if self.state == "connected":
                    self.state = NOT_REACHABLE
                self.conversation.disconnected("is cut off")

    def _refused(self, now: float, is_certain: bool) -> None:
        """The host does not know this key, or has not answered as the one that it belongs to: try the next one."""
        if self._connect_at is not None:
            return
        self.state = "not paired" if is_certain else NOT_THE_PAIRED_ONE
        if is_certain and self._place + 1 == len(self._keys) and not self._said_refused:
            self._said_refused = True
            self._told.append(Told(NOT_PAIRED.format(address=self.address)))
        self._place = (self._place + 1) % len(self._keys)
        self._connect_at = now + NEXT_KEY_SECONDS

    def _mind_the_silence(self, now: float) -> None:
        """Tell the player once why there is no connection. A later loss is the conversation's affair."""
        if self._patient_until is None:
            return
        if self.state == "connected":
            self._patient_until = None
        elif now >= self._patient_until:
            self._patient_until = None
            if why := WITHOUT_CONNECTION.get(self.state):
                self._told.append(Told(f"the engine at {self.address.host} {why}"))

    def _mind_the_pairing(self, now: float) -> None:
        """Once the host knows our own key, use that one, and keep the address at which this pairing works."""
        pairing, with_token = self._keys[self._place]
        conversation = self.conversation
        if with_token and conversation.paired:
            conversation.paired = False
            self._place += 1
            self._connect()
        elif not with_token and conversation.is_welcome and not self._is_confirmed(pairing):
            with suppress(CompanionError):
                self._store.confirm(pairing.host_public, self.address.endpoint)
            pairing.token_secret, pairing.address = "", self.address.endpoint
            self._keys = [(each, token) for each, token in self._keys if each.token_secret or not token]
            self._place = self._keys.index((pairing, False))

    def _is_confirmed(self, pairing: Pairing) -> bool:
        return not pairing.token_secret and pairing.address == self.address.endpoint

    # -- messages -----------------------------------------------------------------------------------------------------

    def _hear_host(self) -> None:
        import zmq

        for _ in range(MESSAGES_A_TURN):
            if self._socket is None:
                return
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:
                return
            try:
                message = decode(frames[0])
            except WireError as error:
                self.conversation.faulty(str(error))
                continue
            if len(frames) == 1 and isinstance(message, HOST_MESSAGES):
                self.conversation.receive(message, clock())
            else:
                self.conversation.faulty(f"{type(message).__name__} is not for a host to send")

    def _send(self) -> None:
        import zmq

        for message in self.conversation.say():
            if self._socket is not None:
                with suppress(zmq.ZMQError):  # no connection, or far behind: the conversation notices the silence
                    self._socket.send(encode(message), zmq.NOBLOCK)
