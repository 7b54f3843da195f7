"""`companion serve`: the attached screen in a browser."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import socket
import sys
from typing import Any

from companion.cli.options.common import add_command
from companion.errors import CompanionError, UsageError

LOOPBACK, DEFAULT_PORT = "127.0.0.1", 8000
MISSING = "companion serve needs an extra: pip install 'companion[serve]'"


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "serve",
        "the screen of a running performance in a browser",
        "Shows a performance that runs on this machine in a browser, for example a phone's, with the calls as buttons. Without "
        "--host only this machine can open it. With --host ADDRESS others can, if they have the link, which holds a new token "
        "each time.",
        "companion serve",
        "companion serve --host 192.168.1.5",
    )
    parser.add_argument(
        "--host", default=LOOPBACK, metavar="ADDRESS", help="the IP address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"the port (default: {DEFAULT_PORT})"
    )
    parser.add_argument("--token", action="store_true", help="ask for a token on this machine too, if others use it")
    parser.add_argument("--pid", type=int, metavar="N", help="which performance, where several run")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from companion.runtime.attach.sockets import running
    from companion.runtime.web.guard import guard_of

    try:
        ipaddress.ip_address(args.host)
    except ValueError:
        raise UsageError(f"--host {args.host}: not an IP address") from None
    if not 0 <= args.port <= 65535:
        raise UsageError("--port must be from 0 to 65535")
    try:
        from companion.runtime.web.server import serve
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] in ("aiohttp", "textual_serve"):
            raise CompanionError(MISSING) from None
        raise
    guard = guard_of(args.host, always=args.token)
    found = running()
    if args.pid is None and len(found) > 1:
        raise UsageError("several performances are running: choose one with --pid N (companion attach --list)")

    def tell(port: int) -> None:
        for line in links(args.host, port, guard.token):
            print(line, flush=True)
        if not found:
            print("no performance is running yet: start one, then open the link", flush=True)
        print("Ctrl-C ends the server; the performance goes on", file=sys.stderr, flush=True)

    asyncio.run(serve(guard, args.port, args.pid, tell))
    return 0


def links(host: str, port: int, token: str) -> list[str]:
    """The links to open, one a line: one for each address of this machine where all are listened on."""
    query = f"?token={token}" if token else ""
    address = ipaddress.ip_address(host)
    hosts = own_addresses(address.version) if address.is_unspecified else [host]
    return [f"http://{f'[{each}]' if ':' in each else each}:{port}/{query}" for each in hosts or [host]]


def own_addresses(version: int) -> list[str]:
    """The addresses of this machine's network interfaces."""
    import psutil

    family = socket.AF_INET if version == 4 else socket.AF_INET6
    found = [each.address for every in psutil.net_if_addrs().values() for each in every if each.family == family]
    return [each for each in found if "%" not in each and not ipaddress.ip_address(each).is_loopback]
