"""What an engine may be called: one of ENGINES, or the address of an engine on another machine. Pure."""

from __future__ import annotations

import re

from companion.session.api.limits import ENGINES

REMOTE_PREFIX = "tcp://"
_REMOTE = re.compile(r"tcp://(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(\d{1,5})")


def is_remote(engine: str) -> bool:
    """Whether a name stands for an engine on another machine."""
    return engine.startswith(REMOTE_PREFIX)


def host_of(engine: str) -> str:
    """The host in the address of an engine on another machine; "" for an engine on this one."""
    match = _REMOTE.fullmatch(engine)
    return match.group(1).strip("[]") if match else ""


def engine_fault(engine: str) -> str:
    """What is wrong with an engine's name, as text that follows it; "" if it is allowed."""
    if engine in ENGINES:
        return ""
    match = _REMOTE.fullmatch(engine)
    if match and 0 < int(match.group(2)) < 65536:
        return ""
    return f"must be {', '.join(ENGINES)}, or tcp://HOST:PORT for an engine on another machine"
