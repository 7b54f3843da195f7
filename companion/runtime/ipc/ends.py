"""The ends of local socket pairs: made, passed on to a child, passed on to a process that runs. Knows nothing of messages."""

from __future__ import annotations

import socket


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends with roomy system buffers, not inherited by children unless passed on purpose."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        end.set_inheritable(False)
    return ours, theirs


def adopt(descriptor: int) -> socket.socket:
    """The end that a parent passed on as an inherited descriptor."""
    return socket.socket(fileno=descriptor)


ENGINE, SUPERVISOR = b"E", b"S"  # who is at the other end of a pair that is passed on


def pass_descriptor(over: socket.socket, end: socket.socket, who: bytes = ENGINE) -> None:
    """Give another process one end of a pair. Raises OSError when that process is dead."""
    socket.send_fds(over, [who], [end.fileno()])


def take_descriptor(over: socket.socket) -> tuple[bytes, socket.socket] | None:
    """(who, end) as passed by `pass_descriptor`, or None if none is waiting; never waits. Raises ConnectionError at the end."""
    over.setblocking(False)  # Python's recv_fds ignores the flags it is given
    try:
        data, descriptors, _, _ = socket.recv_fds(over, 1, 1)
    except (BlockingIOError, InterruptedError):
        return None
    if not data:
        raise ConnectionError("the other end has gone")
    return (data, adopt(descriptors[0])) if descriptors else None
