"""Who may see the screen. On loopback: pages of this server only. On any other address: whoever has the token. Pure.

A page of another site that is open in the player's browser could otherwise connect to a server on loopback (a browser sends WebSockets
anywhere), or reach it by a name of its own that leads to 127.0.0.1. `Host` and `Origin` tell both.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

TOKEN_BYTES = 24
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WRONG_LINK = "This link is not complete, or not of this evening. Open the one that companion serve has printed."
WRONG_SITE = "Another page may not use this screen."


@dataclass(frozen=True, slots=True)
class Guard:
    """token: what a visitor must know; "" where only this machine can connect at all. host: the address that is listened on."""

    host: str
    token: str = ""

    @property
    def cookie(self) -> str:
        """The name of the cookie that keeps the token."""
        return "companion_token"

    def fault(self, headers: Mapping[str, str], query: Mapping[str, str], cookies: Mapping[str, str]) -> str:
        """Why a request is refused; "" if it is not."""
        host = headers.get("Host", "")
        if not self.token and host_name(host) not in LOOPBACK_NAMES | {self.host}:
            return WRONG_SITE
        origin = headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != host:
            return WRONG_SITE
        if self.token and not (self.knows(query.get("token", "")) or self.knows(cookies.get(self.cookie, ""))):
            return WRONG_LINK
        return ""

    def knows(self, token: str) -> bool:
        """Whether this is the token. Takes as long for a wrong one as for a nearly right one."""
        return hmac.compare_digest(token.encode(), self.token.encode())


def guard_of(host: str, *, always: bool = False) -> Guard:
    """The guard of a server on this IP address, with a new token where others than this machine can connect, or always."""
    needs_token = always or not ipaddress.ip_address(host).is_loopback
    return Guard(host, secrets.token_urlsafe(TOKEN_BYTES) if needs_token else "")


def host_name(host: str) -> str:
    """A `Host` header without its port: "localhost:8000" → "localhost", "[::1]:8000" → "::1"."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
