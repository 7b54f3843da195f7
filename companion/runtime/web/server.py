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

from companion.errors import UsageError
from companion.runtime.attach.sockets import running
from companion.runtime.web import page
from companion.runtime.web.guard import Guard

MAX_VISITORS = 4
TITLE = "companion"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def screen_command(pid: int | None) -> str:
    """The command line of the attached screen that each visitor gets."""
    words = [sys.executable, "-m", "companion", "attach", "--view", "stage"]
    # A shell starts it; in its place, the screen is our own child and sees when we are gone.
    return "exec " + shlex.join(words if pid is None else [*words, "--pid", str(pid)])


def application(guard: Guard, command: str, can_attach: Callable[[], bool]) -> web.Application:
    """The routes behind the guard. command: starts the screen of one visitor. can_attach: whether there is something to show."""
    server = Server(command, title=TITLE)
    visitors: set[object] = set()

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = guard.fault(request.headers, request.query, request.cookies)
        answer = web.Response(status=403, text=fault) if fault else await handler(request)
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
            return web.Response(status=503, text=f"there are {MAX_VISITORS} visitors already")
        if not await asyncio.to_thread(can_attach):
            return web.Response(status=409, text="no performance is running")
        visitor = object()
        visitors.add(visitor)
        try:
            return await server.handle_websocket(request)
        finally:
            visitors.discard(visitor)

    made = web.Application(middlewares=[guarded])
    made.add_routes(
        [web.get("/", index), web.get("/ws", websocket), web.static("/static", server.statics_path, show_index=False)]
    )
    return made


def there(pid: int | None) -> Callable[[], bool]:
    """Whether that performance runs, or, without a process id, exactly one."""

    def can_attach() -> bool:
        found = running()
        return pid in found if pid is not None else len(found) == 1

    return can_attach


async def serve(guard: Guard, port: int, pid: int | None, tell: Callable[[int], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. pid: which performance, None = the one that runs. tell: called with the port once the server listens.

    Raises UsageError.
    """
    logging.getLogger("textual-serve").addHandler(logging.NullHandler())
    logging.getLogger("textual-serve").propagate = False
    # Addresses of requests hold the token, so none is logged.
    runner = web.AppRunner(application(guard, screen_command(pid), there(pid)), access_log=None, shutdown_timeout=2.0)
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
