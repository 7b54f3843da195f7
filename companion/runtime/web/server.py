"""The web server: textual-serve's terminal behind a guard, with a page that loads nothing from elsewhere.

textual-serve has no authentication, and its own page asks Google for a font. Its parts that are used here are public: the handler of the
WebSocket, which starts an attached screen for each visitor, and the folder of its scripts, styles and fonts.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web
from textual_serve.server import Server

from companion.errors import CompanionError, UsageError
from companion.runtime.attach.sockets import running
from companion.runtime.web import page
from companion.runtime.web.guard import Guard

MAX_VISITORS = 4
FULL = f"There are {MAX_VISITORS} browsers already."
TITLE = "companion"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def screen_command(pid: int | None) -> str:
    """The command line of the attached screen that each visitor gets."""
    words = [sys.executable, "-m", "companion", "attach", "--view", "stage"]
    # A shell starts it; in its place, the screen is our own child and sees when we are gone.
    return "exec " + shlex.join(words if pid is None else [*words, "--pid", str(pid)])


def application(guard: Guard, command: str, fault: Callable[[], str]) -> web.Application:
    """The routes behind the guard. command: starts the screen of one visitor. fault: why there is nothing to show, or ""."""
    server = Server(command, title=TITLE)
    visitors: set[object] = set()

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = guard.fault(request.headers, request.query, request.cookies)
        answer = web.Response(status=403, text=refusal) if refusal else await handler(request)
        if not answer.prepared:
            answer.headers.update(page.headers(request.host))
        return answer

    async def index(request: web.Request) -> web.StreamResponse:
        answer = web.Response(text=page.page(TITLE), content_type="text/html")
        if guard.token:
            answer.set_cookie(guard.cookie, guard.token, httponly=True, samesite="Strict")
        return answer

    async def websocket(request: web.Request) -> web.StreamResponse:
        if not all(page.is_size(request.query.get(name, "80")) for name in ("width", "height")):
            return web.Response(status=400, text="no terminal has that size")
        if len(visitors) >= MAX_VISITORS:
            return web.Response(status=503, text=FULL)
        if reason := await asyncio.to_thread(fault):
            return web.Response(status=409, text=reason)
        visitor = object()
        visitors.add(visitor)
        try:
            return await server.handle_websocket(request)
        finally:
            visitors.discard(visitor)

    async def state(request: web.Request) -> web.StreamResponse:
        """Why the page would be shown nothing; empty if it would."""
        return web.Response(text=FULL if len(visitors) >= MAX_VISITORS else await asyncio.to_thread(fault))

    made = web.Application(middlewares=[guarded])
    made.add_routes(
        [
            web.get("/", index),
            web.get("/ws", websocket),
            web.get("/state", state),
            web.static("/static", server.statics_path, show_index=False),
        ]
    )
    return made


def nothing_to_show(pid: int | None) -> Callable[[], str]:
    """Says why there is nothing to show, "" if there is: that performance must run, or, without a process id, exactly one."""

    def fault() -> str:
        try:
            found = running()
        except CompanionError as error:
            return str(error)
        if pid is not None:
            return "" if pid in found else f"No performance with process id {pid} is running."
        if len(found) > 1:
            return "Several performances are running: start companion serve with --pid N."
        return "" if found else "No performance is running."

    return fault


async def serve(guard: Guard, port: int, pid: int | None, tell: Callable[[int], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. pid: which performance, None = the one that runs. tell: called with the port once the server listens.

    Raises UsageError.
    """
    logging.getLogger("textual-serve").addHandler(logging.NullHandler())
    logging.getLogger("textual-serve").propagate = False
    # Addresses of requests hold the token, so none is logged.
    runner = web.AppRunner(
        application(guard, screen_command(pid), nothing_to_show(pid)), access_log=None, shutdown_timeout=2.0
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, guard.host, port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(f"{guard.host}:{port}: {error.strerror or error}") from None
        tell(runner.addresses[0][1])
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, stopping.set)
        await stopping.wait()
    finally:
        await runner.cleanup()
