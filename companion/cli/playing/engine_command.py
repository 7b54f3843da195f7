"""`companion engine`: let another machine play with this machine's engine, and pair the two."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any

from companion.cli.options.common import add_command
from companion.errors import UsageError
from companion.session.api.limits import ENGINES

NEW_TOKEN = ""
MAX_TOKEN_BYTES = 10_000


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "engine",
        "let another machine play with this machine's engine",
        "Let another machine play with this machine's engine, for example a laptop on stage with a GPU in the next room. Only "
        "paired machines are let in, and everything between them is encrypted. docs/remote-engine.md has every step.",
        "companion engine --pair                          here: print a token for one machine",
        "companion engine --pair CE1.…                    there: read the token",
        "companion engine --listen 192.168.1.20:5577      here: wait for paired machines",
        "companion jam --engine tcp://192.168.1.20:5577   there: play",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:5577",
        help="where to listen (127.0.0.1:5577: only this machine)",
    )
    parser.add_argument(
        "--pair",
        nargs="?",
        const=NEW_TOKEN,
        metavar="TOKEN",
        help="without a token: make one, valid once and for a day; with one (or a file that holds it): pair with its engine",
    )
    parser.add_argument("--paired", action="store_true", help="list the machines that are let in")
    parser.add_argument("--unpair", metavar="NAME", help="let this machine in no more")
    parser.add_argument("--checkpoint", metavar="C", default="yellow", help="a checkpoint's name or file (yellow)")
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto", help="what runs the model (default: the fastest here)"
    )


def run(args: argparse.Namespace) -> int:
    """Pair, list, or serve until Ctrl-C or SIGTERM."""
    if sys.platform == "win32":
        raise UsageError("an engine for other machines needs Linux or macOS")
    if args.pair is not None:
        return _make_token() if args.pair == NEW_TOKEN else _read_token(args.pair)
    if args.paired:
        return _list_guests()
    if args.unpair is not None:
        return _unpair(args.unpair)
    return _serve(args)


def _make_token() -> int:
    from companion.runtime.remote_engine.pairing import HostStore

    token = HostStore().new_token(time.time())
    print(token)
    for line in (
        "",
        "On the machine that is to play, once (the token is valid for one machine and for a day; show it to nobody else):",
        f"  companion engine --pair {token}",
        "Here, before playing, with this machine's address in your network:",
        "  companion engine --listen HOST:5577",
    ):
        print(line, file=sys.stderr)
    return 0


def _read_token(text: str) -> int:
    from companion.runtime.remote_engine.pairing import GuestStore

    path = Path(text)
    try:
        if len(text) < 1024 and path.is_file():
            text = path.read_bytes()[:MAX_TOKEN_BYTES].decode("ascii", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    GuestStore().accept(text)
    print("The token is kept. It is exchanged for a key of this machine's own at the first connection:")
    print("  companion doctor --engine tcp://HOST:5577")
    return 0


def _list_guests() -> int:
    from companion.runtime.remote_engine.pairing import HostStore

    now = time.time()
    for guest in HostStore().guests():
        if not guest.expires:
            print(guest.name)
        elif guest.expires > now:
            print(f"(a token that nobody has used; valid for {(guest.expires - now) / 3600:.0f} h)")
    return 0


def _unpair(name: str) -> int:
    from companion.runtime.remote_engine.pairing import HostStore

    if not name or not HostStore().forget(name):
        raise UsageError(f"no machine called {name!r} is paired (companion engine --paired lists them)")
    print(f"{name} is let in no more")
    return 0


def _serve(args: argparse.Namespace) -> int:
    from companion.cli.options.playing import check_checkpoint
    from companion.runtime.remote_engine.address import parse_address
    from companion.runtime.remote_engine.host import Host
    from companion.runtime.remote_engine.pairing import HostStore
    from companion.session.api.settings import ModelSettings

    address = parse_address(args.listen)
    check_checkpoint(args.checkpoint)
    store = HostStore()
    host = Host(address, ModelSettings(checkpoint=args.checkpoint, engine=args.engine), store, _say)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, host.end)
    _say(f"listening on {address}: {address.reach}")
    if not store.guests():
        _say("no machine is paired yet: companion engine --pair")
    host.run()
    _say("ended")
    return 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
