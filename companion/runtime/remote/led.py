"""A performance that other programs and other screens may control while it lasts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from companion import __version__
from companion.errors import CompanionError
from companion.runtime.attach.server import ScreenServer
from companion.runtime.attach.sockets import listen
from companion.runtime.front.performance import Performance
from companion.runtime.ipc.protocol import Performing
from companion.runtime.remote.shared import SharedPerformance
from companion.session.api.effects import Notice

if TYPE_CHECKING:
    from companion.runtime.remote.osc import OscServer


class LedPerformance(SharedPerformance):
    """A shared performance with its OSC server, if one is asked for, and its socket for further screens. Both end with it."""

    def __init__(self, start: Callable[[], Performance], osc: str = "") -> None:
        """start: starts the performance itself. osc: PORT or HOST:PORT, "" = none. Raises UsageError where that cannot be used."""
        self._osc: OscServer | None = None
        if osc:
            self._start_with_osc(start, osc)
        else:
            super().__init__(start())
        self._screens = self._serve_screens()

    def _start_with_osc(self, start: Callable[[], Performance], osc: str) -> None:
        from companion.runtime.remote.osc import OscServer, parse_address

        address = parse_address(osc)
        super().__init__(start())
        try:
            self._osc = OscServer(self.observe(), *address)
        except Exception:
            super().stop()
            raise
        self._osc.start()

    def stop(self) -> None:
        """Stop the servers, and end the performance. Attached screens are told when it is over."""
        if self._osc is not None:
            self._osc.stop()
        if self._screens is not None:
            self._screens.announce_end()
        super().stop()
        if self._screens is not None:
            self._screens.close(self.ended or "")

    def _serve_screens(self) -> ScreenServer | None:
        """The music does not depend on further screens: where they are not possible, one remark says so."""
        try:
            listener, path = listen()
        except CompanionError as error:
            self.tell(Notice("warning", f"no further screen can attach: {error}"))
            return None
        options = self.options
        server = ScreenServer(
            self.observe(), Performing(os.getpid(), options.title, options.settings, __version__), listener, path
        )
        server.start()
        return server
