"""ZeroMQ with CURVE encryption: the library if it is there, keys, and the settings that all our network sockets share.

`pyzmq` is needed only for engines on other machines (`pip install 'companion[remote]'`), so it is imported only when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.errors import GenerationError

if TYPE_CHECKING:
    import zmq

MAX_MESSAGE_BYTES = 1 << 20  # a crowded window of 16 bars takes about 100 KB
QUEUED_MESSAGES = 2000
# A connection that has gone quiet is given up and made again by ZeroMQ itself, which also covers a cable that was pulled.
HEARTBEAT_MS, HEARTBEAT_PATIENCE_MS = 500, 2000
HANDSHAKE_MS, CONNECT_MS = 2000, 2000
RECONNECT_MS, LONGEST_RECONNECT_MS = 200, 1000


def zeromq() -> type[zmq.Context]:
    """The library's Context class. Raises GenerationError if the library is missing or cannot encrypt."""
    try:
        import zmq
    except ImportError:
        raise GenerationError(
            "an engine on another machine needs the library pyzmq: pip install 'companion[remote]'"
        ) from None
    if not zmq.has("curve"):
        raise GenerationError(
            "this copy of ZeroMQ cannot encrypt (CURVE is missing): pip install --force-reinstall pyzmq"
        )
    return zmq.Context


def prepare(socket: zmq.Socket) -> None:
    """Set what both ends have in common: limits, patience, and that nothing waits when the program ends."""
    import zmq

    for option, value in (
        (zmq.LINGER, 0),
        (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES),
        (zmq.SNDHWM, QUEUED_MESSAGES),
        (zmq.RCVHWM, QUEUED_MESSAGES),
        (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_PATIENCE_MS),
        (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
        (zmq.CONNECT_TIMEOUT, CONNECT_MS),
        (zmq.RECONNECT_IVL, RECONNECT_MS),
        (zmq.RECONNECT_IVL_MAX, LONGEST_RECONNECT_MS),
    ):
        socket.setsockopt(option, value)


def new_keys() -> tuple[str, str]:
    """A new key pair: (public, secret)."""
    zeromq()
    import zmq

    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def public_of(secret: str) -> str:
    """The public key of a secret one."""
    zeromq()
    import zmq

    return zmq.curve_public(secret.encode()).decode()


def to_bytes(key: str) -> bytes:
    """The 32 bytes of a key. Raises ValueError for text that is not in Z85."""
    zeromq()
    from zmq.utils import z85

    try:
        return z85.decode(key)
    except (KeyError, UnicodeError) as error:
        raise ValueError(f"not a key: {error}") from None


def to_text(key: bytes) -> str:
    """The inverse of `to_bytes`."""
    zeromq()
    from zmq.utils import z85

    return z85.encode(key).decode()
