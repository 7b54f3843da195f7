"""How machines are addressed, `tcp://HOST:PORT`, and how they speak of checkpoints. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from companion.errors import UsageError
from companion.inference.checkpoints.hub import SUFFIXES
from companion.session.api.engine_names import REMOTE_PREFIX, is_remote

DEFAULT_PORT = 5577
_EVERYWHERE = ("0.0.0.0", "::", "*")


@dataclass(frozen=True, slots=True)
class Address:
    """host: a name or an IP address; an IPv6 address stands without its brackets."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        """The address as ZeroMQ writes it."""
        return f"tcp://{self}"

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host

    @property
    def is_local(self) -> bool:
        """Whether only programs on the same machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for every network of the machine."""
        return self.host in _EVERYWHERE

    @property
    def reach(self) -> str:
        """Who can reach a program that listens here, for the screen."""
        if self.is_local:
            return "only programs on this machine can reach it"
        where = "every network of this machine" if self.is_everywhere else "the network of this address"
        return f"machines on {where} can reach it; only paired ones are let in"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """ "HOST:PORT", with or without "tcp://" before it. Raises UsageError."""
    host, colon, port = text.removeprefix(REMOTE_PREFIX).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{text}: not an address such as 192.168.1.20:{DEFAULT_PORT}")
    return Address(host, int(port))


def remote_address(engine: str) -> Address | None:
    """The address that an engine's name holds; None for an engine on this machine. Raises UsageError."""
    return parse_address(engine) if is_remote(engine) else None


def plain_checkpoint(checkpoint: str) -> str:
    """The name by which machines speak of a checkpoint: a file's without its folder and ending."""
    path = Path(checkpoint)
    return path.stem if path.suffix in SUFFIXES else path.name
