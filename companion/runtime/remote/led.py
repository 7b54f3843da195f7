"""A performance that other programs may control while it lasts."""

from __future__ import annotations

from collections.abc import Callable

from companion.runtime.front.performance import Performance
from companion.runtime.remote.osc import OscServer, parse_address
from companion.runtime.remote.shared import SharedPerformance


class LedPerformance(SharedPerformance):
    """A shared performance and its OSC server, which ends with it."""

    def __init__(self, start: Callable[[], Performance], osc: str) -> None:
        """start: starts the performance itself. osc: PORT or HOST:PORT. Raises UsageError where that cannot be used."""
        host, port = parse_address(osc)
        super().__init__(start())
        try:
            self._server = OscServer(self.observe(), host, port)
        except Exception:
            super().stop()
            raise
        self._server.start()

    def stop(self) -> None:
        """Stop the OSC server, then end the performance."""
        self._server.stop()
        super().stop()
