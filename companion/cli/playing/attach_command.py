"""`companion attach`: a further screen on a performance that runs on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.cli.options.common import add_command, in_browser
from companion.errors import CompanionError, UsageError

if TYPE_CHECKING:
    from companion.runtime.attach.performance import AttachedPerformance
    from companion.runtime.front.performance import LaunchOptions, Performance

LOOK_SECONDS, PARENT_SECONDS = 0.1, 0.5
VIEWS = ("lanes", "stage")
ENDED = "the performance has ended"
DETACHED = "detached; the performance goes on"


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "attach",
        "a further screen on a running performance",
        "Shows a performance that runs on this machine, with all its keys. Quitting only detaches this screen. Where several "
        "performances run, it lists them.",
        "companion attach --view stage",
    )
    parser.add_argument("--pid", type=int, metavar="N", help="which performance, where several run")
    parser.add_argument("--list", action="store_true", help="only list the performances that run")
    parser.add_argument("--view", choices=VIEWS, default="lanes", help="the view to begin with")
    parser.add_argument("--headless", action="store_true", help="no screen: one line for each bar and notice")


def run(args: argparse.Namespace) -> int | AttachedLauncher:
    """Attach, or list what could be attached to."""
    from companion.runtime.attach.performance import attach
    from companion.runtime.attach.sockets import running

    found = running()
    if args.list:
        print("\n".join(listing(found)) if found else "no performance is running")
        return 0
    if args.pid is None and len(found) > 1:
        print("\n".join(listing(found)))
        raise UsageError("several performances are running: choose one with --pid N")
    if not found or (args.pid is not None and args.pid not in found):
        which = (
            "no performance is running" if args.pid is None else f"no performance with process id {args.pid} is running"
        )
        raise CompanionError(f"{which}; start one with companion jam, practice or demo")
    if in_browser():
        threading.Thread(target=_leave_with_parent, name="parent", daemon=True).start()
    performance = attach(found[args.pid] if args.pid is not None else next(iter(found.values())))
    if args.headless:
        return follow(performance)
    return AttachedLauncher(performance, args.view)


def _leave_with_parent() -> None:
    """End with the web server that started this screen; it may be killed, and then nobody tells us."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(0)


@dataclass(frozen=True, slots=True)
class AttachedLauncher:
    """What the screen is given: the performance runs already."""

    performance: AttachedPerformance
    view: str = ""
    attached: bool = True

    @property
    def options(self) -> LaunchOptions:
        """What the performance plays."""
        return self.performance.options

    def __call__(self) -> Performance:
        """Hand out the performance."""
        return self.performance

    def finish(self) -> None:
        """Say whether the performance has ended or only this screen."""
        print(farewell(self.performance))


def listing(found: dict[int, Any]) -> list[str]:
    """One line for each performance: its process id and its title."""
    from companion.runtime.attach.performance import attach

    lines = []
    for number, path in found.items():
        try:
            performance = attach(path)
        except CompanionError as error:
            lines.append(f"{number:>8}  {error}")
            continue
        lines.append(f"{number:>8}  {performance.performing.title or 'companion'}")
        performance.stop()
    return lines


def farewell(performance: AttachedPerformance) -> str:
    """The last line of an attached screen."""
    reason = performance.ended
    if reason is None or performance.left:
        return DETACHED
    return f"{ENDED}: {reason}" if reason else ENDED


def follow(performance: AttachedPerformance) -> int:
    """Print one line for each bar and each notice, until the performance ends or Ctrl-C."""
    from companion.runtime.front.headless import progress_text

    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _frame: asked.append(caught))
    shown = None
    while performance.alive() and not asked:
        snapshot = performance.snapshot()
        if snapshot is not None and (snapshot.transport.bar, snapshot.transport.state) != shown:
            shown = snapshot.transport.bar, snapshot.transport.state
            print(progress_text(snapshot), flush=True)
        for event in performance.events():
            if text := getattr(event, "text", ""):
                print(f"companion: {text}", file=sys.stderr, flush=True)
        time.sleep(LOOK_SECONDS)
    words = DETACHED if asked else farewell(performance)
    performance.stop()
    print(words, flush=True)
    return 0
